// Bench floods a Socket.IO server with WebSocket connections and says what each of them, each delivery and each echo costs the
// server, next to what the client used and next to the physical limit of the machine.
//
//	go run ./bench broadcast --url http://127.0.0.1:3000 --pid 4711 -n 10000
//	go run ./bench echo --url http://127.0.0.1:3000 --server-cmd "bin/server" --spawn-limit --server-cpu 0 --client-cpu 1
//	go run ./bench storm --url http://127.0.0.1:3000 --server 'one=bin/one {addr}' --server 'other=bin/other {addr}' --procs 2
//
// A run prints one line of JSON on standard output for each server and one line for people on standard error. It ends with 0 if
// every connection was made and kept and every message arrived once and in order, or every client of a storm came back without an
// error, and if what --assert says holds; with 1 if not, with 2 if it could not be started as asked, and with 3 if the client was the
// bottleneck of a run by a timetable. docs/BENCH.md has the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"starling/bench/internal/scenario"
)

// version is set by the Makefile, to the commit that it builds.
var version string

// The exit codes.
const (
	exitOK    = 0
	exitFault = 1 // something was lost, doubled, out of order, or did not connect
	exitUsage = 2 // the run could not be started as asked
	exitVoid  = 3 // the client was the bottleneck of a run with a timetable, so that its latencies say nothing about the server
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second has its usual effect.
	context.AfterFunc(ctx, cancel)
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard streams, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errUsage marks what is the caller's to mend.
var errUsage = errors.New("usage")

// workerCommand makes this program one of several client processes.
const workerCommand = "worker"

// exited is what kong's Exit panics with, because it must not return.
type exited int

func run(ctx context.Context, args []string, std streams) (code int) {
	defer func() {
		if v := recover(); v != nil {
			e, isExit := v.(exited)
			if !isExit {
				panic(v)
			}
			code = int(e)
		}
	}()
	if len(args) == 1 && args[0] == workerCommand { // the command line of people is slow to build, and workers are many
		return finish(scenario.Work(std.in, std.out), std.err)
	}
	if len(args) == 1 && args[0] == attackerCommand {
		return finish(attack(std.in, std.out), std.err)
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("bench"), kong.Description("Flood a Socket.IO server and keep the accounts."),
		kong.Writers(std.out, std.err), kong.UsageOnError(), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.Vars{"connections": "1000", "duration": "0s", "warmup": "0s", "transport": "websocket", "transports": "websocket,default"})
	if err != nil {
		panic(err) // the command line's own description is wrong
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(std.err, "bench:", err)
		return exitUsage
	}
	return finish(command.Run(&session{ctx: ctx, std: std, args: args, warned: make(map[string]bool)}), std.err)
}

// session is what a command is given to run with.
type session struct {
	ctx  context.Context
	std  streams
	args []string // as they were typed

	results *results        // of the command that this one is a part of; nil if it is one of its own
	part    string          // and what it is called there
	round   int             // and which of several rounds that is, from 1
	at      *host           // nil until the first run has been prepared
	warned  map[string]bool // what was said before a run and need not be said again
	note    func(string)    // writes above the view of a run that goes on; nil while there is none
}

// errFault is returned by a run that was carried out and did not pass; its report has said why.
var errFault = errors.New("the run did not pass")

func finish(err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFault):
		return exitFault
	case errors.Is(err, errInvalid):
		return exitVoid
	}
	fmt.Fprintln(stderr, "bench:", err)
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFault
}
