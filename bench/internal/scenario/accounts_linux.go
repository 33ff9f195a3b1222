package scenario

import (
	"errors"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// accounts are what all agents have measured since opBegin, and what all of them have received since the run began.
type accounts struct {
	tally         ledger.Tally
	latency, real *ledger.Latency
	lag, held     *ledger.Latency
	late, unsent  uint64
	heardNs       int64 // when the last message arrived
	churned       uint64
	reconnected   uint64
	upgraded      uint64
	polled        uint64
	cut, dropped  int
}

// finish has the agents close their accounts and adds them up.
func (r *run) finish(sent published) (accounts, error) {
	if err := r.awaitReplies(); err != nil {
		return accounts{}, err
	}
	// What a server sends twice comes right behind the first; without a last look the last message's copy would be missed.
	if err := r.pause(restWait); err != nil {
		return accounts{}, err
	}
	r.tell(command{Op: opFinish, Rooms: sent.rooms, Direct: sent.direct, LastNs: sent.lastNs})
	if err := r.await(0, nil); err != nil {
		return accounts{}, err
	}
	sum := accounts{latency: ledger.NewLatency(), real: ledger.NewLatency(), lag: ledger.NewLatency(), held: ledger.NewLatency()}
	for _, p := range r.parts {
		if err := sum.add(p); err != nil {
			return accounts{}, err
		}
	}
	for _, p := range r.parts {
		if p.Rest != nil {
			r.enters(p.Rest.Entries)
		}
	}
	r.closeTimeline(r.parts)
	sum.tally.Lost += r.lostAtTheDoor()
	if r.senders != nil {
		sum.lag.Add(r.senders.lag)
	}
	return sum, nil
}

// awaitReplies waits for what the control API has still to say, until it says nothing for a while.
func (r *run) awaitReplies() error {
	if r.api == nil {
		return nil
	}
	began := flood.Now()
	r.api.movedNs = began
	patience := int64(min(finishGrace, r.cfg.Timeout))
	err := r.loop.RunUntil(func() bool {
		now := flood.Now()
		return r.api.missing() == 0 || now-r.api.movedNs > patience || now-began > int64(r.cfg.Timeout) || r.fatal != nil
	})
	return errors.Join(err, r.fatal)
}

func (s *accounts) add(p part) error {
	for _, h := range []struct {
		sum *ledger.Latency
		of  []byte
	}{{s.latency, p.Latency}, {s.real, p.Real}, {s.lag, p.Lag}, {s.held, p.Held}} {
		l, err := ledger.ImportLatency(h.of)
		if err != nil {
			return err
		}
		h.sum.Add(l)
	}
	s.tally.Add(p.Tally)
	s.heardNs = max(s.heardNs, p.HeardNs)
	s.late += p.Late
	s.unsent += p.Unsent
	s.churned += p.Churned
	s.reconnected += p.Reconnected
	s.upgraded += p.Upgraded
	s.polled += p.Polled
	s.cut += p.Cut
	s.dropped += p.Dropped
	return nil
}

// setAccounts enters the accounts, and the connections that were lost meanwhile.
func (r *run) setAccounts(sum accounts) {
	for _, p := range r.parts {
		r.addGone(p)
	}
	r.report.Tally = &sum.tally
	r.setLatency(sum.latency)
	r.report.Interrupted = r.interrupted()
}
