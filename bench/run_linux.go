package main

import (
	"errors"
	"fmt"
	"time"

	"starling/bench/internal/proc"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
)

// Run is called by kong, as are those of the other commands.
func (c *connectCmd) Run(s *session) error {
	if c.Rounds < 1 {
		return fmt.Errorf("%w: --rounds must be at least 1", errUsage)
	}
	return c.run(s, scenario.Options{Config: scenario.Config{Scenario: scenario.Connect}, Rounds: c.Rounds})
}

// Run carries out the command.
func (c *idleCmd) Run(s *session) error {
	if c.URL != "" && c.Pid == 0 && c.ServerCmd == "" {
		return fmt.Errorf("%w: idle measures a process: --pid or --server-cmd is missing", errUsage)
	}
	return c.run(s, scenario.Options{
		Config: scenario.Config{Scenario: scenario.Idle}, Settle: c.Settle, Hold: c.Hold, After: c.After,
	})
}

// Run carries out the command.
func (c *broadcastCmd) Run(s *session) error {
	if err := c.depth.check(1); err != nil {
		return err
	}
	cfg := scenario.Config{Scenario: scenario.Broadcast}
	if err := c.publishing.set(&c.target, &cfg); err != nil {
		return err
	}
	return c.runDepth(s, &c.flow, &c.depth, c.Messages, cfg)
}

// Run carries out the command.
func (c *roomsCmd) Run(s *session) error {
	if err := errors.Join(c.layout.check(), c.publishers.check()); err != nil {
		return err
	}
	if err := c.depth.check(c.Rooms); err != nil {
		return err
	}
	if c.Rate == 0 && (c.Publishers > 1 || c.Zipf > 0) {
		return fmt.Errorf("%w: --publishers and --zipf are for --rate", errUsage)
	}
	c.Connections = c.Rooms * c.Members
	cfg := scenario.Config{Scenario: scenario.Rooms, Rooms: c.Rooms, Publishers: c.Publishers, Zipf: c.Zipf}
	if err := c.publishing.set(&c.target, &cfg); err != nil {
		return err
	}
	return c.runDepth(s, &c.flow, &c.depth, c.Messages, cfg)
}

// Run carries out the command.
func (c *directCmd) Run(s *session) error {
	if err := positive("--rate", c.Rate); err != nil {
		return err
	}
	cfg := scenario.Config{Scenario: scenario.Direct, DirectRate: c.Rate, Publishers: c.Publishers}
	if err := c.publishing.set(&c.target, &cfg); err != nil {
		return err
	}
	return c.runFlow(s, &c.flow, cfg)
}

// Run carries out the command.
func (c *echoCmd) Run(s *session) error {
	if err := c.depth.check(1); err != nil {
		return err
	}
	cfg := scenario.Config{Scenario: scenario.Echo, Event: c.Event}
	if c.Rate > 0 {
		cfg.EchoRate = c.Rate
		return c.runFlow(s, &c.flow, cfg)
	}
	return c.runDepth(s, &c.flow, &c.depth, 0, cfg)
}

// Run carries out the command.
func (c *churnCmd) Run(s *session) error {
	if err := errors.Join(c.layout.check(), c.publishers.check(), c.comings.check(), positive("--rate", c.Rate)); err != nil {
		return err
	}
	c.Connections = c.Rooms * c.Members
	cfg := scenario.Config{Scenario: scenario.Churn, Rate: c.Rate, Rooms: c.Rooms, Publishers: c.Publishers, Zipf: c.Zipf}
	c.comings.set(&cfg)
	return c.runFlow(s, &c.flow, cfg)
}

func (c *comings) set(cfg *scenario.Config) {
	cfg.ChurnRate, cfg.ChurnShare, cfg.ReconnectShare = c.ChurnRate, c.ChurnShare, c.ReconnectShare
}

// Run carries out the command.
func (c *slowCmd) Run(s *session) error {
	if c.Share <= 0 || c.Share >= 1 {
		return fmt.Errorf("%w: --share must be between 0 and 1", errUsage)
	}
	if err := positive("--rate", c.Rate); err != nil {
		return err
	}
	return c.runFlow(s, &c.flow, scenario.Config{Scenario: scenario.Slow, Rate: c.Rate, SlowShare: c.Share})
}

// Run carries out the command.
func (c *mixCmd) Run(s *session) error { return c.target.runBlend(s, scenario.Mix, &c.flow, &c.blend) }

// Run carries out the command.
func (c *soakCmd) Run(s *session) error {
	if c.Deliveries == 0 {
		if c.Depth != 0 {
			return fmt.Errorf("%w: --depth is for --deliveries", errUsage)
		}
		return c.target.runBlend(s, scenario.Soak, &c.flow, &c.blend)
	}
	if err := errors.Join(c.layout.check(), c.publishers.check(), c.comings.check(), c.flow.check()); err != nil {
		return err
	}
	cfg, err := c.account()
	if err != nil {
		return err
	}
	cfg.Size, c.Connections = c.Size, cfg.Connections
	return c.run(s, scenario.Options{Config: cfg, Duration: c.Duration})
}

func (t *target) runBlend(s *session, name string, f *flow, b *blend) error {
	if err := errors.Join(b.layout.check(), b.publishers.check(), b.comings.check(), positive("--rate", b.Rate)); err != nil {
		return err
	}
	t.Connections = b.Rooms * b.Members
	cfg := scenario.Config{
		Scenario: name, Rate: b.Rate, DirectRate: b.DirectRate, EchoRate: b.EchoRate, Event: b.Event,
		Rooms: b.Rooms, Publishers: b.Publishers, Zipf: b.Zipf,
	}
	b.comings.set(&cfg)
	if err := b.publishing.set(t, &cfg); err != nil {
		return err
	}
	return t.runFlow(s, f, cfg)
}

// findMaxWarmup is how long each rate is sent before it counts.
const findMaxWarmup = time.Second

// Run carries out the command.
func (c *findMaxCmd) Run(s *session) error {
	f := flow{Size: c.Size, Duration: c.Step}
	if err := errors.Join(c.publishers.check(), positive("--rate", c.Rate), positive("--rooms", float64(c.Rooms)), f.check()); err != nil {
		return err
	}
	if c.P99 <= 0 || c.Step < time.Second {
		return fmt.Errorf("%w: --p99 must be more than 0, and --step at least 1s", errUsage)
	}
	cfg := scenario.Config{
		Scenario: scenario.FindMax, Rate: c.Rate, Rooms: c.Rooms, Publishers: c.Publishers, Zipf: c.Zipf, Size: c.Size,
		LateAfter: c.P99, Return: true,
	}
	if err := c.publishing.set(&c.target, &cfg); err != nil {
		return err
	}
	return c.run(s, scenario.Options{P99Max: c.P99, Step: c.Step, Warmup: findMaxWarmup, Config: cfg})
}

// runDepth runs a scenario that sends in answer to what has arrived, or at a rate if there is one.
func (t *target) runDepth(s *session, f *flow, d *depth, messages uint64, cfg scenario.Config) error {
	if d.Rate > 0 {
		if messages > 0 || d.Depth > 1 {
			return fmt.Errorf("%w: --rate excludes --messages and --depth", errUsage)
		}
		cfg.Rate = d.Rate
		return t.runFlow(s, f, cfg)
	}
	if err := f.check(); err != nil {
		return err
	}
	f.complete(messages)
	cfg.Depth, cfg.Size = d.Depth, f.Size
	return t.run(s, scenario.Options{Config: cfg, Messages: messages, Warmup: f.Warmup, Duration: f.Duration})
}

// runFlow runs a scenario with a timetable.
func (t *target) runFlow(s *session, f *flow, cfg scenario.Config) error {
	if err := f.check(); err != nil {
		return err
	}
	f.complete(0)
	cfg.Size, cfg.LateAfter = f.Size, f.LateAfter
	return t.run(s, scenario.Options{Config: cfg, Warmup: f.Warmup, Duration: f.Duration})
}

// run is what all scenarios have in common: check, pin, and then for each round the limit if wanted, the server, the reports.
func (t *target) run(s *session, opts scenario.Options) error {
	at, err := t.prepare(s, &opts)
	if err != nil {
		return err
	}
	res, err := t.output.open(s)
	if err != nil {
		return err
	}
	for round := range t.Repeat {
		if err := t.round(s, res, roundOf(round, t.Repeat), opts, at); err != nil {
			return errors.Join(err, res.close(s))
		}
	}
	return res.close(s)
}

// roundOf counts rounds from 1, and one alone not at all.
func roundOf(i, n int) int {
	if n == 1 {
		return 0
	}
	return i + 1
}

func (t *target) round(s *session, res *results, round int, opts scenario.Options, at place) error {
	var limit *report.Report
	var err error
	if t.SpawnLimit {
		done := res.watch(s, &opts, "limit")
		limit, err = runLimit(s.ctx, opts, at)
		done()
		if err != nil {
			return err
		}
		res.add(s, limit, round)
	}
	if t.URL == "" {
		return nil
	}
	done := res.watch(s, &opts, t.Name)
	rep, err := t.runServer(s, opts, at)
	done()
	if err != nil {
		return err
	}
	if limit != nil && limit.OK() {
		rep.SetRatio(limit)
	}
	res.add(s, rep, round)
	return nil
}

// runServer runs the scenario against the server that is named, or started, by the command line.
func (t *target) runServer(s *session, opts scenario.Options, at place) (*report.Report, error) {
	opts.Target, opts.URL = t.Name, t.URL
	if t.ServerCmd == "" {
		if t.Pid != 0 {
			opts.Pids = func() []int { return []int{t.Pid} }
		}
		return t.carryOut(s, nil, opts)
	}
	srv := t.server(s, t.ServerCmd, at, &opts)
	if err := srv.start(); err != nil {
		return nil, err
	}
	return t.runAgainst(s, srv, opts)
}

// carryOut runs the scenario, and has happen meanwhile what shall. srv is nil if the server is not one that is started here.
func (t *target) carryOut(s *session, srv *server, opts scenario.Options) (*report.Report, error) {
	if t.chaos != nil {
		return t.inject(s, srv, opts)
	}
	return scenario.Run(s.ctx, opts), nil
}

// server is the one that the command line describes.
func (t *target) server(s *session, command string, at place, opts *scenario.Options) *server {
	srv := &server{ctx: s.ctx, command: command, on: at, at: opts.Config.Addr, patience: t.Timeout, copies: t.ServerProcs}
	if api := opts.Config.API; api != nil {
		srv.api = api.Addr
	}
	return srv
}

// runAgainst runs the scenario against a server that has been started, and stops it.
func (t *target) runAgainst(s *session, srv *server, opts scenario.Options) (*report.Report, error) {
	opts.Pids = srv.pids
	s.warnDescriptors(opts, srv.copies)
	rep, err := t.carryOut(s, srv, opts)
	if rep == nil {
		rep = &report.Report{} // what goes wrong at the end of a run that has not begun is nobody's
	}
	srv.stop(rep)
	return rep, err
}

// warnDescriptors only warns: what a server does with its connections is its own affair. It is for those that are started here, of
// which the preflight cannot know.
func (s *session) warnDescriptors(opts scenario.Options, processes int) {
	has, wants := proc.DescriptorLimit(opts.Pids()[0]), opts.Config.Connections*descriptorsOf(&opts.Config)/max(processes, 1)
	if has != 0 && has <= uint64(wants) {
		s.note(fmt.Sprintf("bench: warning: the server may open %d descriptors, and might need %d", has, wants))
	}
}
