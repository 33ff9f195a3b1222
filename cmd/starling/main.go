// Command starling is a Socket.IO server.
//
// Exit codes: 0 after an orderly end, 1 when the server could not start or failed, 2 when the command line, or the
// environment, is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// version is set by the linker.
var version = "devel"

// cli is the command line.
type cli struct {
	Roomapp roomappCmd `cmd:"" help:"Serve the built-in room application, in which anybody may do anything: for tests and floods."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams are where a command writes to.
type streams struct{ out, err io.Writer }

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// run is main with its surroundings given.
func run(args []string, std streams) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("starling"),
		kong.Description("Starling is a Socket.IO server for real-time web applications. Each flag can be given as an environment variable too: --ping-interval is STARLING_PING_INTERVAL."),
		kong.UsageOnError(),
		kong.DefaultEnvars("STARLING"),
		kong.Writers(std.out, std.err),
		kong.Exit(func(c int) { code = c }), // kong exits after --help
	)
	if err != nil {
		fmt.Fprintln(std.err, "starling:", err)
		return exitFailed
	}
	ctx, err := parser.Parse(args)
	if code >= 0 {
		return code
	}
	if err != nil {
		fmt.Fprintln(std.err, "starling:", err)
		fmt.Fprintln(std.err, "starling: see starling --help")
		return exitUsage
	}
	return exitCode(ctx.Run(&std), std)
}

// usageError is an error of the command line that only shows when a command runs.
type usageError struct{ error }

func exitCode(err error, std streams) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(std.err, "starling:", err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// untilSignal returns a context that is done at SIGTERM or SIGINT. A second signal ends the process at once.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // from here on a signal has its default effect again
	return ctx, stop
}

type versionCmd struct{}

// Run prints the version and what it was built with.
func (versionCmd) Run(std *streams) error {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "devel" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	_, err := fmt.Fprintf(std.out, "starling %s %s %s/%s\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
