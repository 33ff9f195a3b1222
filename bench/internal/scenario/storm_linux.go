package scenario

import (
	"errors"
	"fmt"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
)

// restart is the end of a server and its new beginning, as far as they have come.
type restart struct {
	done chan struct{} // closed when Options.Restart has returned; nil if it was not called
	upNs int64
	cpu  time.Duration // what the new process used until then
	err  error
}

func (s *restart) wait() {
	if s.done != nil {
		<-s.done
	}
}

// ErrRestart means that the server which was killed for the storm did not come back.
var ErrRestart = errors.New("the server did not come back")

// storm connects all clients, cuts them all off at once, and measures until the last is back.
func (r *run) storm() error {
	if ok, err := r.connectAll(); !ok {
		return err
	}
	r.tell(command{Op: opArm})
	if err := r.await(r.cfg.Timeout, nil); err != nil {
		return err
	}
	r.report.Transport = string(r.cfg.Stock.Transport)
	s := &report.Storm{Cut: r.cutName(), Retries: map[string]int{}, Errors: map[string]int{}}
	r.report.Storm = s
	if err := r.measureStorm(s); err != nil {
		return err
	}
	if r.opts.Prove && r.report.Stalled == "" && !r.interrupted() {
		if err := r.prove(); err != nil {
			return err
		}
	}
	return r.finishStorm(s)
}

func (r *run) cutName() string {
	switch {
	case r.opts.Restart != nil:
		return "server killed"
	case r.cfg.Reset:
		return "reset by the clients"
	default:
		return "closed by the clients"
	}
}

func (r *run) measureStorm(s *report.Storm) error {
	from, err := r.usage()
	if err != nil {
		return err
	}
	overflows := proc.ListenOverflows()
	r.awaited, r.parts = opStorm, nil
	cutNs := flood.Now()
	r.startNs, r.firstNs = cutNs, cutNs
	r.timeline.enter("storm", cutNs)
	r.cut()
	late := func() bool { return flood.Now()-cutNs > int64(r.opts.Within) }
	if err := r.await(0, r.orStop(late, func() error { return r.restart.err })); err != nil {
		return err
	}
	if err := r.awaitRestart(); err != nil {
		return err
	}
	to, err := r.usage()
	if err != nil {
		return err
	}
	if r.opts.Restart != nil {
		from.server = r.restart.cpu
		down, start := report.Seconds(time.Duration(r.restart.upNs-cutNs)), report.Seconds(r.restart.cpu)
		s.DownS, s.StartCPUS = &down, &start
	}
	s.ListenOverflows = proc.ListenOverflows() - overflows
	return r.setStorm(s, to.since(from), cutNs)
}

// addSetbacks enters what went wrong while the clients connected, before the storm. They may have got over it.
func (r *run) addSetbacks(p *crowdPart) {
	for _, by := range []map[string]int{p.Retries, p.Errors} {
		for about, n := range by {
			r.report.Fail("connecting: "+about, n)
		}
	}
}

// cut is done by the server's end, or by the clients.
func (r *run) cut() {
	if r.opts.Restart == nil {
		r.send(command{Op: opCut})
		return
	}
	r.restart.done = make(chan struct{})
	go func() {
		defer close(r.restart.done)
		err := r.opts.Restart()
		up := flood.Now()
		r.loop.Post(func() { r.restarted(up, err) })
	}()
}

// restarted counts the processor time of the new processes alone.
func (r *run) restarted(upNs int64, err error) {
	if err == nil {
		r.server, r.restart.upNs = newServerMeter(r.opts.Pids), upNs
		r.restart.cpu, err = r.server.Read()
	}
	if err != nil {
		r.restart.err = fmt.Errorf("%w: %w", ErrRestart, err)
	}
}

// awaitRestart is for clients so quick that all are back before the server was seen to be.
func (r *run) awaitRestart() error {
	err := r.loop.RunUntil(func() bool { return r.opts.Restart == nil || r.restart.upNs != 0 || r.restart.err != nil })
	return errors.Join(err, r.restart.err)
}

// setStorm adds up the clients' ways back.
func (r *run) setStorm(s *report.Storm, used usage, cutNs int64) error {
	reconnect, attempt, away := ledger.NewLatency(), ledger.NewLatency(), ledger.NewLatency()
	firstNs, lastNs := int64(0), int64(0)
	for _, p := range r.parts {
		for _, h := range []struct {
			sum *ledger.Latency
			of  []byte
		}{{reconnect, p.Handshake}, {attempt, p.Crowd.Attempt}, {away, p.Crowd.Away}} {
			l, err := ledger.ImportLatency(h.of)
			if err != nil {
				return err
			}
			h.sum.Add(l)
		}
		if p.Crowd.FirstNs != 0 && (firstNs == 0 || p.Crowd.FirstNs < firstNs) {
			firstNs = p.Crowd.FirstNs
		}
		lastNs = max(lastNs, p.LastNs)
		s.Back, s.Upgraded, s.Requests = s.Back+p.Connected, s.Upgraded+p.Crowd.Upgraded, s.Requests+p.Crowd.Requests
	}
	if missing := r.cfg.Connections - s.Back; missing > 0 && !r.interrupted() {
		r.report.Stalled = fmt.Sprintf("%d clients are not back", missing)
	}
	used.wall = 0
	if lastNs > firstNs {
		used.wall = time.Duration(lastNs - firstNs)
		s.CutToFirstS = report.Seconds(time.Duration(firstNs - cutNs))
		s.CutToLastS = report.Seconds(time.Duration(lastNs - cutNs))
	}
	s.Reconnect, s.Attempt, s.Away = report.SpreadOf(reconnect), report.SpreadOf(attempt), report.SpreadOf(away)
	r.setUsage(used)
	s.CPUUsPerClient = report.Per(r.serverS(used), float64(s.Back), 1e6)
	s.RequestsPerClient = report.Rate(float64(s.Requests), float64(s.Back))
	return nil
}

// prove has each client echo: a client that believes to be back is not always one that the server knows of.
func (r *run) prove() error {
	r.tell(command{Op: opProve})
	never := func() bool { return false }
	return r.await(0, r.orStop(never, func() error { return nil }))
}

// orStop has what the crowds do end early if the run is interrupted, or if it is late; it is reported as far as it got.
func (r *run) orStop(late func() bool, besides func() error) func() error {
	stopping := false
	return func() error {
		if !stopping && (r.interrupted() || late()) {
			stopping = true
			r.send(command{Op: opStop})
		}
		return besides()
	}
}

// finishStorm enters what went wrong up to the end, the proof included.
func (r *run) finishStorm(s *report.Storm) error {
	r.report.Interrupted = r.interrupted()
	r.tell(command{Op: opFinish})
	if err := r.await(r.cfg.Timeout, nil); err != nil {
		return err
	}
	for _, p := range r.parts {
		for about, n := range p.Crowd.Retries {
			s.Retries[about] += n
			s.RetriesSum += n
		}
		for about, n := range p.Crowd.Errors {
			s.Errors[about] += n
			s.ErrorsSum += n
		}
		s.Proven += p.Crowd.Proven
		if p.Stalled != "" && r.report.Stalled == "" {
			r.report.Stalled = p.Stalled
		}
	}
	return nil
}
