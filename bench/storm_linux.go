package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
	"starling/bench/internal/stock"
)

// Run carries out the command: the same storm for one server after the other.
func (c *stormCmd) Run(s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	servers, err := c.servers()
	if err != nil {
		return err
	}
	opts := scenario.Options{Within: c.Within, Prove: c.Echo, Config: scenario.Config{
		Scenario: scenario.Storm, Reset: c.RST, RTT: c.RTT, Event: "echo",
		Stock: stock.Options{Transport: stock.Transport(c.Transport), Delay: c.Delay, DelayMax: c.DelayMax},
	}}
	opts.Config.Protocol = flood.SocketIO
	if len(servers) > 0 && c.ServerCmd == "" {
		c.ServerCmd = servers[0].command // so that what is common to all scenarios sees that a server is started
	}
	at, err := c.prepare(&opts)
	if err != nil {
		return err
	}
	if len(servers) == 0 {
		rep, err := c.runServer(s, opts, at)
		if err != nil {
			return err
		}
		s.show(rep)
		return verdict(rep)
	}
	return c.compare(s, opts, servers, at)
}

// compare runs the storm against each server, and sets them side by side if there are several.
func (c *stormCmd) compare(s *session, opts scenario.Options, servers []named, at place) error {
	var all []*report.Report
	for _, n := range servers {
		rep, err := c.runNamed(s, opts, n, at)
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		if len(all) > 0 {
			rep.SetCPURatio(all[0])
		}
		s.show(rep)
		all = append(all, rep)
	}
	if len(all) > 1 {
		_ = report.WriteStormTable(s.std.err, all) // there is nowhere left to complain
	}
	return verdict(all...)
}

func (c *stormCmd) runNamed(s *session, opts scenario.Options, n named, at place) (*report.Report, error) {
	server := &owned{
		ctx: s.ctx, command: strings.ReplaceAll(n.command, "{addr}", opts.Config.Addr.String()),
		on: at, at: opts.Config.Addr, patience: c.Timeout, down: c.Down,
	}
	if err := server.start(); err != nil {
		return nil, err
	}
	opts.Target, opts.URL, opts.ServerPid = n.name, c.URL, server.child.Pid()
	if c.Cut == "server" {
		opts.Restart = server.restart
	}
	warnDescriptors(s, opts)
	rep := scenario.Run(s.ctx, opts)
	stopServer(server.child, rep)
	return rep, nil
}

// owned is a server that is started here, and may be killed and started again.
type owned struct {
	ctx            context.Context
	command        string
	on             place
	at             netip.AddrPort
	patience, down time.Duration
	child          *proc.Child
}

func (o *owned) start() (err error) {
	o.child, err = startServer(o.ctx, o.command, o.on, o.at, o.patience)
	return err
}

// restart is scenario.Options.Restart. A server that does not come back leaves the one that was killed, of which stopServer says
// that it has ended.
func (o *owned) restart() (pid int, err error) {
	if err := o.child.Kill(); err != nil {
		return 0, err
	}
	select {
	case <-time.After(o.down):
	case <-o.ctx.Done():
		return 0, o.ctx.Err()
	}
	child, err := startServer(o.ctx, o.command, o.on, o.at, o.patience)
	if err != nil {
		return 0, err
	}
	o.child = child
	return child.Pid(), nil
}
