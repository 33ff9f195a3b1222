package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/limit"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
)

// How long servers that are started here may take.
const (
	stopGrace  = 15 * time.Second
	limitGrace = 10 * time.Second       // until the limit has said where it listens
	knockPause = 20 * time.Millisecond  // between two tries to reach a server that is starting
	knockLimit = 500 * time.Millisecond // of one try
)

// errStart means that a server did not come up.
var errStart = errors.New("the server did not start")

// startServer runs a shell command that becomes the server, and waits until it accepts connections.
func startServer(ctx context.Context, command string, on place, at netip.AddrPort, patience time.Duration) (*proc.Child, error) {
	child, err := proc.Start(proc.Spec{
		Argv: []string{"/bin/sh", "-c", "exec " + command}, // exec: the process that is measured is the server, not the shell
		Env:  []string{fmt.Sprintf("GOMAXPROCS=%d", on.goMaxProcs)},
		CPUs: on.cpus,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if err := knock(ctx, child, at, patience); err != nil {
		_ = child.Stop(0)
		return nil, err
	}
	return child, nil
}

func knock(ctx context.Context, child *proc.Child, at netip.AddrPort, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := net.DialTimeout("tcp", at.String(), knockLimit)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-child.Ended():
			return fmt.Errorf("%w: %w", errStart, child.Fault())
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errStart, err)
		case <-time.After(knockPause):
		}
	}
}

// stopServer ends a server; one that had ended already, or had to be killed, spoils the run.
func stopServer(server *proc.Child, rep *report.Report) {
	if err := server.Stop(stopGrace); err != nil {
		rep.Error = strings.TrimPrefix(rep.Error+"; "+err.Error(), "; ")
	}
}

// limitHello is the line that a limit server prints.
type limitHello struct {
	Addr netip.AddrPort `json:"addr"`
	Pid  int            `json:"pid"`
}

// Run serves until SIGTERM or ^C.
func (c *limitCmd) Run(s *session) error {
	cpus, err := proc.ParseCPUs(c.CPU)
	if err != nil {
		return fmt.Errorf("%w: --cpu: %w", errUsage, err)
	}
	if err := proc.PinProcess(cpus); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if _, err := proc.RaiseDescriptors(); err != nil {
		return err
	}
	server, err := limit.Listen(c.Addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	stop := context.AfterFunc(s.ctx, server.Stop)
	defer stop()
	if err := json.NewEncoder(s.std.out).Encode(limitHello{server.Addr(), os.Getpid()}); err != nil {
		return err
	}
	return server.Run()
}

// runLimit runs the scenario against a limit server in a process of its own.
func runLimit(ctx context.Context, opts scenario.Options, on place) (*report.Report, error) {
	child, at, err := startLimit(opts.Worker.Argv[0], on.cpus)
	if err != nil {
		return nil, err
	}
	cfg := &opts.Config
	cfg.Addr, cfg.Host, cfg.Path, cfg.Protocol = at, at.String(), "/", flood.Raw
	opts.Target, opts.URL, opts.ServerPid = "limit", "http://"+at.String()+"/", child.Pid()
	rep := scenario.Run(ctx, opts)
	stopServer(child, rep)
	return rep, nil
}

func startLimit(self string, cpus proc.CPUs) (*proc.Child, netip.AddrPort, error) {
	from, out, err := os.Pipe()
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	defer from.Close()
	child, err := proc.Start(proc.Spec{
		Argv: []string{self, "limit"}, Env: []string{"GOMAXPROCS=1"}, CPUs: cpus, Stdout: out,
	})
	out.Close() // so that the limit's end is the end of what can be read
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	var hello limitHello
	_ = from.SetReadDeadline(time.Now().Add(limitGrace))
	line, err := bufio.NewReader(from).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &hello)
	}
	if err != nil {
		_ = child.Stop(0)
		return nil, netip.AddrPort{}, fmt.Errorf("%w: limit: %w: %w", errStart, err, child.Fault())
	}
	return child, hello.Addr, nil
}
