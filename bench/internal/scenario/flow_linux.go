package scenario

import (
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/stat"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// The generator is the bottleneck if it sends later than this, by its 99th percentile.
const lagMax = 5 * time.Millisecond

// flow is every scenario with a timetable: messages to rooms and to single members, echoes, members that come and go, all at their
// rates, whatever becomes of them.
func (r *run) flow() error {
	if ok, err := r.gather(); !ok {
		return err
	}
	phases := r.opts.Phases
	if len(phases) == 0 {
		phases = []Phase{{Name: "run", For: r.opts.Duration}}
	}
	r.send(command{Op: opMute})
	from, err := r.span(r.opts.Warmup, phases)
	if err != nil {
		return err
	}
	sum, err := r.finish(r.senders.accounts())
	if err != nil {
		return err
	}
	to, err := r.usage()
	if err != nil {
		return err
	}
	if len(phases) > 1 {
		r.setPhases(phases)
	}
	r.setFlow(from, to, sum)
	r.setTrend()
	return r.setSlow(sum)
}

// gather connects all members, has them join their rooms, and connects those that write to these.
func (r *run) gather() (ok bool, err error) {
	r.report.SizeBytes = r.cfg.Size
	if ok, err := r.connectAll(); !ok {
		return false, err
	}
	ids := r.ids()
	if r.cfg.joins() {
		r.timeline.enter("join", flood.Now())
		if ok, err := r.joinAll(); !ok {
			return false, err
		}
	}
	err = r.openSenders(ids)
	return err == nil, err
}

// ids are the members' socket ids by connection number, if messages go to these.
func (r *run) ids() []string {
	if r.cfg.DirectRate == 0 {
		return nil
	}
	all := make([]string, r.cfg.Connections)
	for _, p := range r.parts {
		copy(all[p.First:], p.IDs)
	}
	return all
}

// span sends by the timetable, first to warm up and then to be measured, and returns the usage when that began. Both begin with a
// second of the timeline.
func (r *run) span(warmup time.Duration, phases []Phase) (from usage, err error) {
	total := time.Duration(0)
	for _, p := range phases {
		total += p.For
	}
	start, err := r.setTimes(warmup, total)
	if err != nil {
		return from, err
	}
	r.senders.begin(start, r.startNs, r.endNs, r.rateOf(phases[0]))
	r.timeline.enter("warm-up", start)
	if err := r.until(r.startNs); err != nil {
		return from, err
	}
	if from, err = r.usage(); err != nil {
		return from, err
	}
	at := r.startNs
	for i := range phases {
		if r.broken() {
			break // what was to happen then does not
		}
		if err := r.phase(&phases[i], at); err != nil {
			return from, err
		}
		at += int64(phases[i].For)
	}
	r.senders.stop()
	r.send(command{Op: opStop})
	return from, nil
}

// beginMargin is how long before the beginning the agents are told of it, four times as long when that was too short.
const beginMargin = 50 * time.Millisecond

// setTimes tells the agents when to begin, which is once all of them know.
func (r *run) setTimes(warmup, total time.Duration) (start int64, err error) {
	for margin := beginMargin; start <= flood.Now(); margin *= 4 {
		start = r.cfg.gridAfter(flood.Now() + int64(margin))
		r.startNs = start + int64(warmup)
		r.endNs = r.startNs + int64(total)
		r.tell(command{Op: opBegin, StartNs: start, FromNs: r.startNs, EndNs: r.endNs})
		if err := r.await(r.cfg.Timeout, nil); err != nil {
			return 0, err
		}
	}
	if r.firstNs == 0 {
		r.firstNs = r.startNs
	}
	return start, nil
}

func (r *run) rateOf(p Phase) float64 {
	if p.Rate > 0 {
		return p.Rate
	}
	return r.cfg.Rate
}

// phase carries out one piece that begins at a time.
func (r *run) phase(p *Phase, at int64) error {
	r.timeline.enter(p.Name, at)
	r.senders.work() // what is due of the piece before
	r.senders.rooms.begin(at, at+int64(p.For), r.rateOf(*p))
	r.act(p.Name, p.Begin)
	err := r.until(at + int64(p.For))
	r.act(p.Name, p.End)
	return err
}

// act does something to the server, or with others, while the loop turns; what is done for one piece is done one after the other.
func (r *run) act(phase string, do func() error) {
	if do == nil {
		return
	}
	before, done := r.acting, make(chan struct{})
	r.acting = done
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		if err := do(); err != nil {
			r.loop.Post(func() { r.fatal = errors.Join(r.fatal, fmt.Errorf("%s: %w", phase, err)) })
		}
	}()
}

// until lets the loop turn to a time, unless the run is interrupted or a connection is lost that should not be.
func (r *run) until(ns int64) error {
	err := r.loop.RunUntil(func() bool { return flood.Now() >= ns || r.broken() })
	err = errors.Join(err, r.fatal)
	if r.senders.err != nil && err == nil {
		err = fmt.Errorf("%w: %w", ErrPublisher, r.senders.err)
	}
	return err
}

// broken says that the run ends before its time.
func (r *run) broken() bool {
	return r.interrupted() || r.fatal != nil || r.gone || r.senders.err != nil
}

// setFlow enters what a run with a timetable came to.
func (r *run) setFlow(from, to usage, sum accounts) {
	r.setAccounts(sum)
	// What was sent by the end may arrive later; what nobody hears is waited for longer still, which is none of the server's time.
	used := to.since(from)
	used.wall = time.Duration(max(sum.heardNs, min(r.endNs, int64(to.wall))) - r.startNs)
	r.setUsage(used)
	s := r.senders
	messages := s.measured
	sent := float64(sum.lag.Count())
	wanted := r.cfg.Rate + r.cfg.DirectRate + r.cfg.EchoRate
	delivered := float64(sum.latency.Count())
	seconds := min(used.wall.Seconds(), float64(r.endNs-r.startNs)/1e9)
	r.report.Open = &report.Open{
		RateWanted: report.Rate(wanted, 1), RateSent: report.Rate(sent, seconds),
		Late: sum.late, LateUs: float64(r.cfg.LateAfter.Microseconds()), Unsent: sum.unsent + s.unsent,
		Dropped: sum.dropped,
	}
	r.report.Open.SetLag(sum.lag, sum.held, sum.real)
	if r.cfg.Rate > 0 || r.cfg.DirectRate > 0 {
		r.report.Delivery = &report.Delivery{
			Rooms: r.cfg.Rooms, Members: r.cfg.roomSize(0), Messages: messages,
			MessagesPerS:     report.Rate(float64(messages), seconds),
			DeliveriesPerS:   report.Rate(delivered, seconds),
			CPUUsPerDelivery: report.Per(r.serverS(used), delivered, 1e6),
		}
	} else if r.cfg.EchoRate > 0 {
		r.setEcho(used, seconds, sum.latency.Count())
	}
	if r.cfg.ChurnRate > 0 {
		r.setChurn(sum, seconds)
	}
	r.setAPI(seconds)
	r.judgeGenerator(sum.lag, sum.held)
}

func (r *run) setChurn(sum accounts, seconds float64) {
	r.report.Churn = &report.Churn{
		Churned: sum.churned, ChurnedPerS: report.Rate(float64(sum.churned), seconds), Reconnected: sum.reconnected,
		UpgradedMeanwhile: sum.upgraded, PolledMeanwhile: sum.polled,
	}
}

// setAPI enters what the control API has said.
func (r *run) setAPI(seconds float64) {
	if r.api != nil {
		r.report.API = r.api.result(seconds)
	}
}

// judgeGenerator declares the run invalid if the generator could not keep its own timetable.
func (r *run) judgeGenerator(lag, held *ledger.Latency) {
	what, p99 := "sent", micros(lag.Quantile(99))
	if read := micros(held.Quantile(99)); read > p99 {
		what, p99 = "read", read
	}
	if p99 > lagMax && r.report.Invalid == "" {
		r.report.Invalid = fmt.Sprintf("the generator was the bottleneck: it %s %v late (p99), more than %v; lower the rate, or use more --procs and --client-cpu",
			what, p99.Round(time.Millisecond/10), lagMax)
	}
}

func micros(us float64) time.Duration { return time.Duration(us * float64(time.Microsecond)) }

// setPhases reads the pieces from the seconds that they consist of.
func (r *run) setPhases(phases []Phase) {
	at := r.startNs
	for i, p := range phases {
		end := at + int64(p.For)
		heard := end
		if i == len(phases)-1 {
			heard = math.MaxInt64 // and what arrived behind the end
		}
		l, delivered := r.latencyBetween(at, heard)
		to := report.Phase{
			Name: p.Name, FromS: float64(at-r.startNs) / 1e9, ToS: float64(end-r.startNs) / 1e9, Rate: r.rateOf(p), Delivered: delivered,
		}
		if delivered > 0 {
			to.Latency = report.LatencyOf(l)
		}
		r.report.Phases = append(r.report.Phases, to)
		at = end
	}
}

// slowGrace is how long those that read again may take to find that they were disconnected.
const slowGrace = 2 * time.Second

// setSlow has the slow members read again, and counts those that the server has disconnected.
func (r *run) setSlow(sum accounts) error {
	if r.cfg.SlowShare == 0 {
		return nil
	}
	slow := &report.Slow{}
	for n := range r.cfg.Connections {
		if r.cfg.slow(n) {
			slow.SlowMembers++
		}
	}
	for _, d := range r.timeline.done {
		slow.RSSPeak = max(slow.RSSPeak, d.sample.ServerRSS)
	}
	r.send(command{Op: opUnmute})
	if err := r.pause(slowGrace); err != nil {
		return err
	}
	after, err := r.finish(r.senders.accounts())
	slow.SlowCut = after.cut
	r.report.Slow = slow
	return err
}

// setTrend is for runs long enough to have one.
func (r *run) setTrend() {
	r.finishTimeline()
	r.report.SetTrend(func(x, y []float64) float64 {
		_, slope := stat.LinearRegression(x, y, nil, false)
		return slope
	})
}
