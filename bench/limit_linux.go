package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/limit"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
)

// limitGrace is how long a limit server may take until it has said where it listens.
const limitGrace = 10 * time.Second

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
	opts.Target, opts.URL = "limit", "http://"+at.String()+"/"
	opts.Pids = func() []int { return []int{child.Pid()} }
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
