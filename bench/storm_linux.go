package main

import (
	"errors"
	"fmt"

	"starling/bench/internal/flood"
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
	at, err := c.prepare(s, &opts)
	if err != nil {
		return err
	}
	res, err := c.output.open(s)
	if err != nil {
		return err
	}
	if len(servers) > 0 {
		return errors.Join(c.compare(s, res, opts, servers, at), res.close(s))
	}
	done := res.watch(s, &opts, c.Name)
	rep, err := c.runServer(s, opts, at)
	done()
	if err != nil {
		return err
	}
	res.add(s, rep, 0)
	return res.close(s)
}

// compare runs the storm against each server, and sets them side by side if there are several.
func (c *stormCmd) compare(s *session, res *results, opts scenario.Options, servers []named, at place) error {
	for round := range c.Repeat {
		var all []*report.Report
		for _, n := range servers {
			done := res.watch(s, &opts, n.name)
			rep, err := c.runNamed(s, opts, n, at)
			done()
			if err != nil {
				return fmt.Errorf("%s: %w", n.name, err)
			}
			if len(all) > 0 {
				rep.SetCPURatio(all[0])
			}
			res.add(s, rep, roundOf(round, c.Repeat))
			all = append(all, rep)
		}
		if len(all) > 1 {
			_ = report.WriteStormTable(s.std.err, all) // there is nowhere left to complain
		}
	}
	return nil
}

func (c *stormCmd) runNamed(s *session, opts scenario.Options, n named, at place) (*report.Report, error) {
	srv := c.server(s, n.command, at, &opts)
	srv.down = c.Down
	if err := srv.start(); err != nil {
		return nil, err
	}
	opts.Target, opts.URL = n.name, c.URL
	if c.Cut == "server" {
		opts.Restart = srv.restart
	}
	return c.runAgainst(s, srv, opts)
}
