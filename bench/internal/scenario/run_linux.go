package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
)

// Options are one run.
type Options struct {
	Config Config
	Target string // report.Report.Target
	URL    string // only reported
	// Pids are the server's processes at the time of the call, which may differ after a restart; nil if they are not known, and then
	// neither are processor time and memory.
	Pids func() []int

	Threads int    // event loops, each an agent, in this process
	Procs   int    // or processes, each with one
	Worker  Worker // how to start one of those

	Rounds   int           // connect
	Settle   time.Duration // idle: from the last connection to the reading of the memory
	Hold     time.Duration // idle: how long to stay
	After    time.Duration // idle: how long to follow the memory once all have left
	Messages uint64        // broadcast, rooms: 0 for as many as Duration allows
	Warmup   time.Duration // all that sends: how long to do so before anything is measured
	Duration time.Duration // all that sends: how long to do so then
	Phases   []Phase       // with a timetable: the pieces that Duration consists of, if it is not one
	P99Max   time.Duration // find-max: what the 99th percentile must stay under
	Step     time.Duration // find-max: how long a rate is tried

	// OnSample, if set, is called with each second of the run, whose time is counted from the run's beginning. It is called on the
	// goroutine that called Run, and must not keep it.
	OnSample func(report.Sample)

	// Restart, if set, is how a storm cuts its clients off: it kills the server, starts it again on the same address, and returns
	// once that accepts connections, so that Pids are the new processes. It is called on a goroutine of its own, once at most, and Run does not
	// return before it has.
	Restart func() error
	Within  time.Duration // storm: how long to wait for the clients from the cut on
	Prove   bool          // storm: have each client echo once when all are back
}

// Phase is a piece of what is measured.
type Phase struct {
	Name  string
	For   time.Duration
	Rate  float64      // messages to rooms a second; 0 for Config.Rate
	Begin func() error // is called on a goroutine of its own when the piece begins
	End   func() error // and when it ends, once Begin has returned
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
	opts    *Options
	cfg     *Config
	ctx     context.Context
	loop    *flood.Loop
	local   holder // nil unless there is only one
	agents  []link
	pub     *publisher // where an arrival starts the next message
	senders *senders   // where a timetable does
	api     *apiRoute  // by which they write; nil if they are clients

	server    *serverMeter // nil if its processes are not known
	clientCPU []*proc.CPU

	timeline   timeline
	startNs    int64         // when what is measured began
	endNs      int64         // and is to end, by the timetable
	firstNs    int64         // when it first did, where it does again and again
	lost       uint64        // find-max: in all steps so far
	lostAtDoor uint64        // by members that came in, before the first message that they heard
	acting     chan struct{} // closed when the last act of a phase is over; nil if there was none

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
		Transport: r.cfg.Transport, Seed: r.cfg.Seed, WarmupS: opts.Warmup.Seconds(),
	}
	defer r.end()
	if err := r.carryOut(); err != nil {
		r.report.Error = err.Error()
	}
	if r.report.API == nil { // it did not come to its end
		r.setAPI(float64(flood.Now()-r.startNs) / 1e9)
	}
	r.finishTimeline()
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
	case Storm:
		return r.storm()
	case FindMax:
		return r.findMax()
	}
	switch {
	case r.cfg.Deliveries > 0:
		return r.account()
	case r.cfg.open():
		return r.flow()
	case r.cfg.Scenario == Echo:
		return r.echo()
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
	if r.opts.Pids != nil {
		r.server = newServerMeter(r.opts.Pids)
	}
	r.cfg.EpochNs = flood.Now()
	r.clientCPU = []*proc.CPU{proc.NewCPU(os.Getpid())}
	window := splitWindow(r.cfg.Concurrency, r.loops())
	for i := range r.loops() {
		if err := r.startAgent(i, shareOf(r.cfg.Connections, r.loops(), i), window); err != nil {
			return err
		}
	}
	r.loop.Tick, r.loop.Due = r.tick, r.due
	r.startTimeline()
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
	if r.acting != nil {
		<-r.acting
	}
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
	if r.senders != nil {
		r.senders.work()
	}
}

// due is when tick is wanted next, 0 if any time will do.
func (r *run) due() (at int64) {
	if r.local != nil {
		at = r.local.due()
	}
	if r.senders == nil {
		return at
	}
	if sends := r.senders.due(); at == 0 || sends < at {
		at = sends
	}
	if at == math.MaxInt64 {
		return 0
	}
	return at
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
	case opSecond:
		r.addSecond(e.Second)
		r.enters(e.Second.Entries)
	case r.awaited:
		if e.Part == nil {
			e.Part = &part{}
		}
		r.parts = append(r.parts, *e.Part)
	}
}

// count is part of upstream.
func (r *run) count(room, seq, members uint32) {
	if r.pub != nil {
		r.pub.count(room, seq, members)
	}
}

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

func (r *run) addGone(p part) {
	for reason, n := range p.Disconnected {
		r.report.Disconnected += n
		r.report.Fail(reason, n)
	}
	for reason, n := range p.Refused {
		r.report.Refused += n
		r.report.Fail(reason, n)
	}
	if p.Stalled != "" && r.report.Stalled == "" {
		r.report.Stalled = p.Stalled
	}
}
