package main

import (
	"errors"
	"fmt"
	"time"
)

// part is one scenario of a suite or a table.
type part struct {
	name   string
	title  string                              // of its row in a table
	metric string                              // what the row is there for, as in report.Metrics
	unit   string                              // of the row
	run    func(s *session, base target) error // against the server of base
}

// Run carries out the command.
func (c *suiteCmd) Run(s *session) error {
	if c.Out == "" {
		return fmt.Errorf("%w: --out is missing", errUsage)
	}
	if c.URL == "" || c.ServerCmd == "" {
		return fmt.Errorf("%w: --url or --server-cmd is missing", errUsage)
	}
	res, err := c.output.open(s)
	if err != nil {
		return err
	}
	for round := range c.Repeat {
		for _, p := range c.parts() {
			if s.ctx.Err() != nil {
				break
			}
			if err := runPart(s, res, p, c.target, roundOf(round, c.Repeat)); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", p.name, err), res.close(s))
			}
		}
	}
	return res.close(s)
}

// runPart runs one part against one server, its results among those of the whole.
func runPart(s *session, res *results, p part, base target, round int) error {
	one := *s
	one.results, one.part, one.round = res, p.name, round
	base.Repeat = 1
	err := p.run(&one, base)
	s.at = one.at
	return err
}

// parts are what shows a server in a few minutes.
func (c *suiteCmd) parts() []part {
	n := c.Connections
	seconds := time.Second
	return []part{
		{name: "connect", run: func(s *session, t target) error {
			t.SpawnLimit = t.Protocol == "socketio"
			return (&connectCmd{target: t, Rounds: 2}).Run(s)
		}},
		{name: "idle", run: func(s *session, t target) error {
			return (&idleCmd{target: t, Settle: 4 * seconds, After: 5 * seconds}).Run(s)
		}},
		{name: "broadcast, 1 in flight", run: func(s *session, t target) error {
			t.SpawnLimit = true
			return (&broadcastCmd{target: t, flow: traffic(4 * seconds), depth: depth{Depth: 1}}).Run(s)
		}},
		{name: "broadcast, 16 in flight", run: func(s *session, t target) error {
			return (&broadcastCmd{target: t, flow: traffic(4 * seconds), depth: depth{Depth: 16}}).Run(s)
		}},
		{name: "broadcast at a rate", run: func(s *session, t target) error {
			return (&broadcastCmd{target: t, flow: traffic(15 * seconds), depth: depth{Depth: 1, Rate: 20_000 / float64(n)}}).Run(s)
		}},
		{name: "rooms at a rate", run: func(s *session, t target) error {
			return (&roomsCmd{
				target: t, flow: traffic(10 * seconds), depth: depth{Depth: 1, Rate: 1000},
				layout: layout{Rooms: max(n/10, 1), Members: 10}, publishers: publishers{Publishers: 4},
			}).Run(s)
		}},
		{name: "echo", run: func(s *session, t target) error {
			t.SpawnLimit, t.Connections = true, min(n, 100)
			return (&echoCmd{target: t, flow: traffic(4 * seconds), depth: depth{Depth: 1}, Event: "echo"}).Run(s)
		}},
		{name: "mix, default transport", run: func(s *session, t target) error {
			t.Transport = "default"
			return (&mixCmd{target: t, flow: traffic(15 * seconds), blend: blend{
				publishers: publishers{Publishers: 2}, layout: layout{Rooms: max(n/20, 1), Members: 20},
				comings: comings{ChurnRate: 50, ChurnShare: 0.2, ReconnectShare: 0.3},
				Rate:    100, DirectRate: 100, EchoRate: 200, Event: "echo",
			}}).Run(s)
		}},
		{name: "slow readers", run: func(s *session, t target) error {
			f := traffic(10 * seconds)
			f.Size = 1024
			return (&slowCmd{target: t, flow: f, Rate: 20_000 / float64(n), Share: 0.05}).Run(s)
		}},
		{name: "storm", run: func(s *session, t target) error {
			t.Transport = "default"
			return (&stormCmd{
				target: t, Cut: "server", Delay: time.Second, DelayMax: 5 * time.Second, Within: 2 * time.Minute, Echo: true,
			}).Run(s)
		}},
	}
}

// traffic is a flow for so long, behind a second of warm-up.
func traffic(d time.Duration) flow {
	return flow{Size: 64, Warmup: time.Second, Duration: d, LateAfter: time.Second}
}
