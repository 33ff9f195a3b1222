package scenario

import (
	"errors"
	"fmt"
	"math"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// connect opens all connections. last is when the last one was open, on flood's clock.
func (r *run) connect() (handshake *ledger.Latency, last time.Duration, err error) {
	r.tell(command{Op: opConnect})
	if err := r.await(0, r.unlessInterrupted); err != nil {
		return nil, 0, err
	}
	return r.addConnected()
}

func (r *run) unlessInterrupted() error {
	if r.interrupted() {
		return ErrInterrupted
	}
	return nil
}

// connectAll connects for a scenario that needs all its members; if ok is false the report says why not, or err does.
func (r *run) connectAll() (ok bool, err error) {
	if _, _, err = r.connect(); err != nil || r.report.Failed > 0 {
		return false, err
	}
	return true, r.rest()
}

func (r *run) closeAll() error {
	r.tell(command{Op: opClose})
	return r.await(r.cfg.Timeout, nil)
}

func (r *run) connectRounds() error {
	result := &report.Connect{Rounds: []report.Round{}}
	handshakes, total := ledger.NewLatency(), usage{}
	for range max(1, r.opts.Rounds) {
		used, connected, err := r.connectRound(handshakes)
		if errors.Is(err, ErrInterrupted) && len(result.Rounds) > 0 {
			break
		}
		if err != nil {
			return err
		}
		total = total.plus(used)
		result.Rounds = append(result.Rounds, report.Round{
			Connected: connected, ConnPerS: report.Rate(float64(connected), used.wall.Seconds()),
			CPUUsPerConn: report.Per(r.serverS(used), float64(connected), 1e6),
		})
	}
	for _, p := range r.parts {
		r.addGone(p)
	}
	r.setUsage(total)
	n := float64(r.report.Connected)
	r.report.Connections = r.cfg.Connections * len(result.Rounds)
	r.report.Interrupted = r.interrupted()
	r.report.Connect = result
	result.ConnPerS = report.Rate(n, total.wall.Seconds())
	result.CPUUsPerConn = report.Per(r.serverS(total), n, 1e6)
	result.SetHandshake(handshakes)
	r.report.HandshakeHDR, _ = handshakes.Export()
	return nil
}

// connectRound connects once, adds its handshakes to all, and closes.
func (r *run) connectRound(all *ledger.Latency) (used usage, connected int, err error) {
	if err := r.rest(); err != nil {
		return usage{}, 0, err
	}
	before, began, last := r.report.Connected, time.Duration(flood.Now()), time.Duration(0)
	used, err = r.measure(func() error {
		handshake, at, err := r.connect()
		if err == nil {
			last = at
			all.Add(handshake)
		}
		return err
	})
	if err != nil {
		return usage{}, 0, err
	}
	if last > 0 {
		used.wall = last - began
	}
	return used, r.report.Connected - before, r.closeAll()
}

// afterStep is how often the memory is read once all connections have left.
const afterStep = 5 * time.Second

func (r *run) idle() error {
	before := r.server.memory()
	if ok, err := r.connectAll(); !ok {
		return err
	}
	r.timeline.enter("hold", flood.Now())
	if err := r.pause(r.opts.Settle); err != nil {
		return err
	}
	settled := r.server.memory()
	n := float64(r.report.Connected)
	result := &report.Idle{
		RSSBefore: before.RSS, RSSAnonBefore: before.RSSAnon, RSS: settled.RSS, RSSAnon: settled.RSSAnon,
		RSSPerConn:     report.Rate(float64(settled.RSS-before.RSS), n),
		RSSAnonPerConn: report.Rate(float64(settled.RSSAnon-before.RSSAnon), n),
		After:          []report.After{},
	}
	r.report.Idle = result
	if err := r.hold(result); err != nil {
		return err
	}
	return r.follow(result)
}

// hold stays for a time and measures what idle connections cost.
func (r *run) hold(result *report.Idle) error {
	used, err := r.measure(func() error { return r.pause(r.opts.Hold) })
	if err != nil {
		return err
	}
	r.setUsage(used)
	r.report.Invalid = "" // nobody is meant to be busy here
	if r.opts.Hold > 0 {
		result.HoldCPUUs = report.Per(r.serverS(used), float64(r.report.Connected)*used.wall.Seconds(), 1e6)
	}
	return nil
}

// follow closes all connections and reads the memory until the server has had its time to give it back.
func (r *run) follow(result *report.Idle) error {
	if _, err := r.finish(published{}); err != nil {
		return err
	}
	for _, p := range r.parts {
		r.addGone(p)
	}
	r.timeline.enter("after", flood.Now())
	if err := r.closeAll(); err != nil {
		return err
	}
	for since := time.Duration(0); since < r.opts.After && !r.interrupted(); {
		step := min(afterStep, r.opts.After-since)
		if err := r.pause(step); err != nil {
			return err
		}
		since += step
		m := r.server.memory()
		result.After = append(result.After, report.After{S: since.Seconds(), RSS: m.RSS, RSSAnon: m.RSSAnon})
	}
	r.report.Interrupted = r.interrupted()
	return nil
}

// broadcast is also the rooms scenario: a broadcast has one room.
func (r *run) broadcast() error {
	r.report.Depth, r.report.SizeBytes = r.cfg.Depth, r.cfg.Size
	if ok, err := r.connectAll(); !ok {
		return err
	}
	if ok, err := r.joinAll(); !ok {
		return err
	}
	if err := r.openPublisher(); err != nil {
		return err
	}
	if err := r.warmUp(); err != nil {
		return err
	}
	used, sum, err := r.publish()
	if err != nil {
		return err
	}
	r.setAccounts(sum)
	r.setDelivery(used, sum.latency.Count())
	return nil
}

// publish sends what is measured, and closes the accounts.
func (r *run) publish() (used usage, sum accounts, err error) {
	if err := r.beginMeasuring(flood.Now()); err != nil {
		return used, sum, err
	}
	used, err = r.measure(func() error {
		r.pub.start(r.opts.Messages, r.opts.Duration)
		return r.awaitDeliveries()
	})
	if err != nil {
		return used, sum, err
	}
	r.send(command{Op: opStop})
	sum, err = r.finish(r.pub.sent())
	return used, sum, err
}

// account is the soak that goes on for a number of deliveries: messages to rooms in answer to what has arrived, while members leave and
// join their rooms, and connect anew. Its latencies are nobody's business, and so is who was the bottleneck.
func (r *run) account() error {
	r.report.Depth, r.report.SizeBytes = r.cfg.Depth, r.cfg.Size
	if ok, err := r.connectAll(); !ok {
		return err
	}
	r.timeline.enter("join", flood.Now())
	if ok, err := r.joinAll(); !ok {
		return err
	}
	if err := r.openPublisher(); err != nil {
		return err
	}
	used, sum, err := r.publish()
	if err != nil {
		return err
	}
	r.setAccounts(sum)
	r.setDelivery(used, sum.latency.Count())
	r.report.Invalid = ""
	if r.cfg.ChurnRate > 0 {
		r.setChurn(sum, used.wall.Seconds())
	}
	if n := sum.tally.Delivered; n < r.cfg.Deliveries && r.report.Stalled == "" {
		r.report.Stalled = fmt.Sprintf("%d of %d deliveries when it ended", n, r.cfg.Deliveries)
	}
	r.setTrend()
	return nil
}

// warmUp broadcasts for a time that is not measured.
func (r *run) warmUp() error {
	if r.opts.Warmup == 0 {
		return nil
	}
	r.timeline.enter("warm-up", flood.Now())
	r.pub.start(0, r.opts.Warmup)
	if err := r.awaitDeliveries(); err != nil {
		return err
	}
	return r.rest()
}

// beginMeasuring has the agents measure what is to be sent from a time on.
func (r *run) beginMeasuring(fromNs int64) error {
	r.startNs, r.firstNs = fromNs, fromNs
	if r.api != nil {
		r.api.begin(fromNs)
	}
	r.timeline.enter("run", fromNs)
	r.tell(command{Op: opBegin, StartNs: fromNs, FromNs: fromNs, EndNs: math.MaxInt64})
	return r.await(r.cfg.Timeout, nil)
}

func (r *run) joinAll() (ok bool, err error) {
	r.tell(command{Op: opJoin})
	if err := r.await(0, r.unlessInterrupted); err != nil {
		return false, err
	}
	for _, p := range r.parts {
		r.addGone(p)
	}
	if r.report.Stalled != "" || r.report.Disconnected > 0 || r.report.Refused > 0 {
		return false, nil
	}
	return true, r.rest()
}

func (r *run) openPublisher() error {
	r.pub = newPublisher(r.cfg, r.loop)
	r.api, _ = r.pub.route.(*apiRoute)
	for i := range r.cfg.Publishers {
		if err := r.pub.route.dial(i); err != nil {
			return fmt.Errorf("%w: %w", ErrPublisher, err)
		}
	}
	deadline := flood.Now() + int64(r.cfg.Timeout)
	err := r.loop.RunUntil(func() bool { return r.pub.opened == r.cfg.Publishers || r.pub.err != nil || flood.Now() > deadline })
	switch {
	case err != nil:
		return err
	case r.pub.err != nil:
		return fmt.Errorf("%w: %w", ErrPublisher, r.pub.err)
	case r.pub.opened < r.cfg.Publishers:
		return fmt.Errorf("%w: from the server to the publisher's handshake", ErrSilent)
	}
	return nil
}

// goneGrace is how long what is in flight may still arrive once a member was lost, which no message can reach any more.
const goneGrace = 2 * time.Second

func (r *run) awaitDeliveries() error {
	patience := r.cfg.Timeout
	err := r.loop.RunUntil(func() bool {
		if r.interrupted() {
			r.pub.stopped = true
		}
		if r.gone {
			r.pub.stopped, patience = true, min(patience, goneGrace)
		}
		return r.pub.finished() || r.pub.err != nil || r.fatal != nil || flood.Now()-r.pub.movedNs > int64(patience)
	})
	switch {
	case err != nil:
		return err
	case r.fatal != nil:
		return r.fatal
	case r.pub.err != nil:
		r.report.Stalled = fmt.Errorf("%w: %w", ErrPublisher, r.pub.err).Error()
	case !r.pub.finished() && !r.gone:
		r.report.Stalled = fmt.Sprintf("messages %d to %d have not reached every member", r.pub.completed, r.pub.published-1)
	}
	return nil
}

func (r *run) setDelivery(used usage, measured int64) {
	r.setUsage(used)
	delivered, messages := float64(measured), r.pub.published-r.pub.startedAt
	r.report.Delivery = &report.Delivery{
		Rooms: r.cfg.Rooms, Members: r.cfg.roomSize(0), Messages: messages,
		MessagesPerS:     report.Rate(float64(messages), used.wall.Seconds()),
		DeliveriesPerS:   report.Rate(delivered, used.wall.Seconds()),
		CPUUsPerDelivery: report.Per(r.serverS(used), delivered, 1e6),
	}
	r.setAPI(used.wall.Seconds())
}

func (r *run) echo() error {
	r.report.Depth, r.report.SizeBytes = r.cfg.Depth, r.cfg.Size
	if ok, err := r.connectAll(); !ok {
		return err
	}
	if r.opts.Warmup > 0 {
		r.timeline.enter("warm-up", flood.Now())
		if err := errors.Join(r.awaitEchoes(r.opts.Warmup), r.rest()); err != nil {
			return err
		}
	}
	if err := r.beginMeasuring(flood.Now()); err != nil {
		return err
	}
	used, err := r.measure(func() error { return r.awaitEchoes(r.opts.Duration) })
	if err != nil {
		return err
	}
	sum, err := r.finish(published{})
	if err != nil {
		return err
	}
	r.setAccounts(sum)
	r.setUsage(used)
	r.setEcho(used, used.wall.Seconds(), sum.latency.Count())
	return nil
}

func (r *run) setEcho(used usage, seconds float64, measured int64) {
	r.report.Echo = &report.Echo{
		Event: r.cfg.Event, Echoes: uint64(measured), EchoesPerS: report.Rate(float64(measured), seconds),
		CPUUsPerEcho: report.Per(r.serverS(used), float64(measured), 1e6),
	}
}

func (r *run) awaitEchoes(d time.Duration) error {
	r.tell(command{Op: opEcho, For: d})
	stopping := false
	return r.await(d+r.cfg.Timeout, func() error {
		if !stopping && (r.interrupted() || r.gone) {
			stopping = true
			r.send(command{Op: opStop})
		}
		return nil
	})
}
