package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
)

// Options are one run.
type Options struct {
	Config    Config
	Target    string // report.Report.Target
	URL       string // only reported
	ServerPid int    // 0: the server's processor time and memory are not known

	Threads int    // event loops, each an agent, in this process
	Procs   int    // or processes, each with one
	Worker  Worker // how to start one of those

	Rounds   int           // connect
	Settle   time.Duration // idle: from the last connection to the reading of the memory
	Hold     time.Duration // idle: how long to stay
	After    time.Duration // idle: how long to follow the memory once all have left
	Messages uint64        // broadcast, rooms: 0 for as many as Duration allows
	Duration time.Duration // broadcast, rooms, echo

	// Restart, if set, is how a storm cuts its clients off: it kills the server, starts it again on the same address, and returns
	// the new process's id once that accepts connections. It is called on a goroutine of its own, once at most, and Run does not
	// return before it has.
	Restart func() (pid int, err error)
	Within  time.Duration // storm: how long to wait for the clients from the cut on
	Prove   bool          // storm: have each client echo once when all are back
}

// Why a run came to no result.
var (
	ErrInterrupted = errors.New("interrupted before anything was measured")
	ErrSilent      = errors.New("no answer in time")
	ErrPublisher   = errors.New("publisher disconnected")
	ErrAgent       = errors.New("an agent of the bench has died")
)

// run leads the agents through one scenario. All of it belongs to the goroutine that called Run.
type run struct {
	opts   *Options
	cfg    *Config
	ctx    context.Context
	loop   *flood.Loop
	local  holder // nil unless there is only one
	agents []link
	pub    *publisher

	serverCPU *proc.CPU
	clientCPU []*proc.CPU

	awaited op     // the event that the run waits for
	parts   []part // that have come with it
	restart restart
	gone    bool // a connection was lost
	ended   bool
	fatal   error
	report  report.Report
}

// Run carries out one scenario. The context ends it early: a measurement that has begun is then reported as far as it got. What
// went wrong is in the report.
func Run(ctx context.Context, opts Options) *report.Report {
	r := &run{opts: &opts, cfg: &opts.Config, ctx: ctx}
	r.report = report.Report{
		Schema: report.Schema, Scenario: r.cfg.Scenario, Target: opts.Target, Protocol: string(r.cfg.Protocol),
		URL: opts.URL, Threads: opts.Threads, Procs: opts.Procs, Connections: r.cfg.Connections, Failures: map[string]int{},
	}
	defer r.end()
	if err := r.carryOut(); err != nil {
		r.report.Error = err.Error()
	}
	return &r.report
}

func (r *run) carryOut() error {
	if err := r.start(); err != nil {
		return err
	}
	// The loop looks at the context every turn; this makes it turn.
	stop := context.AfterFunc(r.ctx, func() { r.loop.Post(func() {}) })
	defer stop()
	return r.scenario()
}

func (r *run) scenario() error {
	switch r.cfg.Scenario {
	case Connect:
		return r.connectRounds()
	case Idle:
		return r.idle()
	case Echo:
		return r.echo()
	case Storm:
		return r.storm()
	default:
		return r.broadcast()
	}
}

// loops is how many event loops hold connections.
func (r *run) loops() int { return max(r.opts.Threads, r.opts.Procs) }

func (r *run) start() (err error) {
	if r.loop, err = flood.NewLoop(r.cfg.target(), r.cfg.Mask); err != nil {
		return err
	}
	if r.opts.ServerPid != 0 {
		r.serverCPU = proc.NewCPU(r.opts.ServerPid)
	}
	r.clientCPU = []*proc.CPU{proc.NewCPU(os.Getpid())}
	window := splitWindow(r.cfg.Concurrency, r.loops())
	for i := range r.loops() {
		if err := r.startAgent(i, shareOf(r.cfg.Connections, r.loops(), i), window); err != nil {
			return err
		}
	}
	r.loop.Tick = r.tick
	return nil
}

func (r *run) startAgent(i int, s share, window int) error {
	if r.loops() == 1 {
		a, err := newHolder(r.cfg, s, window, r.loop, r)
		r.local, r.agents = a, []link{localLink{a}}
		return err
	}
	up := postedUpstream{r.loop, r}
	if r.opts.Procs <= 1 {
		l, err := startThread(r.cfg, s, window, up)
		if err == nil {
			r.agents = append(r.agents, l)
		}
		return err
	}
	l, err := startProcess(r.opts.Worker, i, hello{*r.cfg, s, window}, up)
	if l != nil {
		r.agents = append(r.agents, l)
		r.clientCPU = append(r.clientCPU, proc.NewCPU(l.child.Pid()))
	}
	return err
}

func (r *run) end() {
	r.ended = true
	r.restart.wait()
	for _, a := range r.agents {
		a.end()
	}
	if r.loop != nil {
		r.loop.Shut()
	}
}

func (r *run) tick() {
	if r.local != nil {
		r.local.watch()
	}
}

// emit is part of upstream.
func (r *run) emit(e event) {
	switch e.Op {
	case opDied:
		if !r.ended {
			r.fatal = fmt.Errorf("%w: %s", ErrAgent, e.Error)
		}
	case opGone:
		r.gone = true
	case r.awaited:
		if e.Part == nil {
			e.Part = &part{}
		}
		r.parts = append(r.parts, *e.Part)
	}
}

// count is part of upstream.
func (r *run) count(room, seq, members uint32) { r.pub.count(room, seq, members) }

func (r *run) interrupted() bool { return r.ctx.Err() != nil }

// tell gives all agents a command and has the run wait for their answers to it.
func (r *run) tell(c command) {
	r.awaited, r.parts = c.Op, nil
	r.send(c)
}

func (r *run) send(c command) {
	for _, a := range r.agents {
		a.command(c)
	}
}

// silenceGrace is how much later than the agents the run itself loses patience: they know better what is missing.
const silenceGrace = 15 * time.Second

// await waits for each agent's answer. The agents themselves watch for progress, so a step that may take any time, as long as it
// moves, is awaited without end: patience 0. besides, if given, is called every turn; its error ends the wait.
func (r *run) await(patience time.Duration, besides func() error) error {
	deadline := flood.Now() + int64(patience+silenceGrace)
	err := r.loop.RunUntil(func() bool {
		if len(r.parts) == len(r.agents) {
			return true
		}
		if besides != nil && r.fatal == nil {
			r.fatal = besides()
		}
		return r.fatal != nil || patience > 0 && flood.Now() > deadline
	})
	switch {
	case err != nil:
		return err
	case r.fatal != nil:
		return r.fatal
	case len(r.parts) < len(r.agents):
		return fmt.Errorf("%w: %q from %d of %d event loops", ErrSilent, r.awaited, len(r.agents)-len(r.parts), len(r.agents))
	}
	return nil
}

// pause lets the loop turn for a time, or until the run is interrupted.
func (r *run) pause(d time.Duration) error {
	until := flood.Now() + int64(d)
	err := r.loop.RunUntil(func() bool { return flood.Now() >= until || r.interrupted() || r.fatal != nil })
	return errors.Join(err, r.fatal)
}

// addConnected adds up what the agents dialled. last is when the last connection was open, on flood's clock.
func (r *run) addConnected() (handshake *ledger.Latency, last time.Duration, err error) {
	handshake = ledger.NewLatency()
	for _, p := range r.parts {
		r.report.Connected += p.Connected
		for reason, n := range p.Failures {
			r.report.Failed += n
			r.report.Fail(reason, n)
		}
		if p.Crowd != nil {
			r.addSetbacks(p.Crowd)
		}
		h, err := ledger.ImportLatency(p.Handshake)
		if err != nil {
			return nil, 0, err
		}
		handshake.Add(h)
		last = max(last, time.Duration(p.LastNs))
	}
	return handshake, last, nil
}

// finish has the agents close their accounts and adds them up.
func (r *run) finish(published uint64) error {
	// What a server sends twice comes right behind the first; without a last look the last message's copy would be missed.
	if err := r.pause(restWait); err != nil {
		return err
	}
	r.tell(command{Op: opFinish, Published: published})
	if err := r.await(r.cfg.Timeout, nil); err != nil {
		return err
	}
	latency, tally := ledger.NewLatency(), ledger.Tally{}
	for _, p := range r.parts {
		l, err := ledger.ImportLatency(p.Latency)
		if err != nil {
			return err
		}
		latency.Add(l)
		tally.Add(p.Tally)
		r.addGone(p)
	}
	r.report.Tally, r.report.Latency = &tally, report.LatencyOf(latency)
	r.report.Interrupted = r.interrupted()
	return nil
}

func (r *run) addGone(p part) {
	for reason, n := range p.Disconnected {
		r.report.Disconnected += n
		r.report.Fail(reason, n)
	}
	if p.Stalled != "" && r.report.Stalled == "" {
		r.report.Stalled = p.Stalled
	}
}
