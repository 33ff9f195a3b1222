package scenario

import (
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// second is what one agent did in one second of the timeline. It travels as JSON, the histogram in HDR's own encoding.
type second struct {
	Index        int64 // seconds since Config.EpochNs, at its end
	First        int   // the number of the agent's first connection
	Connected    int   // at its end
	Connects     int
	Failed       int
	Disconnected int
	Sent         uint64
	Delivered    uint64
	Faults       uint64
	Latency      []byte  // nil if nothing was delivered
	Entries      []entry `json:",omitzero"`
}

// diary is where an agent keeps the second that passes. It belongs to the agent's loop.
type diary struct {
	second
	epochNs int64
	nextNs  int64
	latency *ledger.Latency
}

func newDiary(epochNs int64) diary {
	d := diary{epochNs: epochNs, latency: ledger.NewLatency()}
	d.turn(flood.Now())
	return d
}

// turn begins the second that a time is in; what is counted goes on from there.
func (d *diary) turn(now int64) {
	d.Index = (now-d.epochNs)/int64(time.Second) + 1
	d.nextNs = d.epochNs + d.Index*int64(time.Second)
}

// page closes the second and returns it, if it is over. A second that was slept through is one with the next.
func (d *diary) page(now int64) (s second, over bool) {
	if now < d.nextNs {
		return second{}, false
	}
	return d.close(now), true
}

// close returns what is written so far.
func (d *diary) close(now int64) (s second) {
	s = d.second
	if d.latency.Count() > 0 {
		s.Latency, _ = d.latency.Export() // a histogram that cannot be exported is missing from the timeline alone
		d.latency.Reset()
	}
	d.second = second{First: d.First, Connected: d.Connected}
	d.turn(now)
	return s
}

// bySecond counts what is sent in each second of the timeline until a row takes it.
type bySecond struct {
	counts []uint64 // of the seconds from first on
	first  int64
}

func (b *bySecond) add(epochNs, now int64) {
	at := (now - epochNs) / int64(time.Second)
	for len(b.counts) == 0 || at >= b.first+int64(len(b.counts)) {
		b.counts = append(b.counts, 0)
	}
	b.counts[max(at-b.first, 0)]++
}

// take returns what was counted by the end of a row, and forgets it.
func (b *bySecond) take(epochNs, endNs int64) (n uint64) {
	for past := (endNs - 1 - epochNs) / int64(time.Second); b.first <= past && len(b.counts) > 0; b.first++ {
		n += b.counts[0]
		b.counts = b.counts[1:]
	}
	return n
}
