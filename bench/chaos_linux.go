package main

import (
	"errors"
	"fmt"
	"strings"

	"starling/bench/internal/chaos"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
	"starling/bench/internal/source"
)

// Help is shown below the command's flags' summary.
func (*chaosCmd) Help() string {
	var b strings.Builder
	b.WriteString("A schedule is a list of TIME:WHAT=HOW:FOR. Acts on the server: pause=TIME, kill, restart. Attacks, with a number of " +
		"connections, a rate (200/s) or a share of --connections (5%):\n")
	for _, d := range chaos.Kinds() {
		fmt.Fprintf(&b, "\n%s: %s (%s).", d.Kind, d.Does, d.Example)
	}
	return b.String()
}

// Run carries out the command.
func (c *chaosCmd) Run(s *session) error {
	if err := errors.Join(positive("--rate", c.Rate), c.flow.check()); err != nil {
		return err
	}
	schedule, err := chaos.ParseSchedule(c.Schedule)
	if err != nil {
		return fmt.Errorf("%w: --schedule: %w", errUsage, err)
	}
	c.complete(0)
	opts := scenario.Options{Warmup: c.Warmup, Duration: c.Duration, Config: scenario.Config{
		Scenario: scenario.Chaos, Rate: c.Rate, Size: c.Size, LateAfter: c.LateAfter, Return: true,
	}}
	c.target.chaos = schedule
	return c.run(s, opts)
}

// inject has what the schedule says happen in the phases of the run, and runs it.
func (t *target) inject(s *session, srv *server, opts scenario.Options) (*report.Report, error) {
	pool, err := source.Parse(opts.Config.Sources)
	if err != nil {
		return nil, err
	}
	cfg := &opts.Config
	scene := chaos.Scene{Innocent: cfg.Connections, Target: chaos.Target{
		Addr: cfg.Addr, Host: cfg.Host, Path: cfg.Path, Protocol: cfg.Protocol, Sources: pool, Seed: cfg.Seed,
	}}
	if cfg.Protocol == "socketio" {
		scene.Target.Rooms = []string{"flood"}
	}
	argv := []string{opts.Worker.Argv[0], attackerCommand}
	scene.Start = func(spec chaos.Spec, at chaos.Target) (chaos.Running, error) {
		a, err := startAttacker(argv, opts.Worker.CPUs, order{
			Spec: spec, Addr: at.Addr, Host: at.Host, Path: at.Path, Protocol: at.Protocol, Sources: cfg.Sources, Rooms: at.Rooms, Seed: at.Seed,
		})
		if err != nil {
			return nil, err // and no nil attacker within a Running
		}
		return a, nil
	}
	switch {
	case srv != nil:
		scene.Server = actor{srv}
	case t.Pid != 0:
		scene.Server = chaos.Process(t.Pid)
	}
	injection, err := chaos.Inject(t.chaos, scene, opts.Duration)
	if err != nil {
		return nil, fmt.Errorf("%w: --schedule: %w", errUsage, err)
	}
	defer injection.Close()
	for _, p := range injection.Phases() {
		opts.Phases = append(opts.Phases, scenario.Phase(p))
	}
	rep := scenario.Run(s.ctx, opts)
	injection.Close()
	for i := range rep.Phases {
		rep.Phases[i].Note = injection.Note(rep.Phases[i].Name)
	}
	rep.SetToQuiet(chaos.Quiet, chaos.IsAttack)
	return rep, nil
}

// actor is a server that is started here as chaos sees it.
type actor struct{ *server }

// Pid is the process that is paused.
func (a actor) Pid() int { return a.pids()[0] }

// Restart kills what still runs and starts it again.
func (a actor) Restart() error {
	for _, c := range a.running() {
		if err := c.Kill(); err != nil && !errors.Is(err, proc.ErrEnded) {
			return err
		}
	}
	return a.startAgain()
}

// Stop lets it end in its own time.
func (a actor) Stop() error {
	for _, c := range a.running() {
		if err := c.Stop(stopGrace); err != nil {
			return err
		}
	}
	return nil
}
