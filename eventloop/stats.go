package eventloop

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"starling/internal/invariants"
)

// Stats is what a loop has at a moment, and what it has done since its engine was made.
type Stats struct {
	// What there is now.

	Connections  int // open ones of this loop, those that only hear that there is no room among them
	Blocked      int // those whose peer does not keep up
	PendingBytes int // bytes that wait on these, or are held elsewhere, see [Loop.Hold]
	Tasks        int // posted ones that wait

	// What was done so far. Of the ticks, ten in a second as a rule, each was late by the time for which the loop was busy
	// with something else.

	Reads    uint64        // times that a receiver was given bytes, or that the bytes came too late for it
	BytesIn  uint64        // bytes that were read
	Flushes  uint64        // connections that were written to; one may be several times, but once in an iteration as a rule
	Writes   uint64        // system calls for that
	BytesOut uint64        // bytes that the kernel has taken, or that are with gnet for it to take
	Ticks    uint64        // that were answered
	Late     time.Duration // by which these were late, all together
	LateMax  time.Duration // by which the worst was since Stats was called before
}

// counts are a loop's counters. They belong to its goroutine, so that counting costs next to nothing.
type counts struct {
	conns    int
	reads    uint64
	bytesIn  uint64
	flushes  uint64
	writes   uint64
	bytesOut uint64
	ticks    uint64
	late     time.Duration
	lateMax  time.Duration
}

// Stats returns what there is and what was done. It costs some time for each connection that is blocked.
func (l *Loop) Stats() Stats {
	n := &l.counts
	s := Stats{
		Connections: n.conns, PendingBytes: l.held, Tasks: l.inbox.Waiting(),
		Reads: n.reads, BytesIn: n.bytesIn, Flushes: n.flushes, Writes: n.writes, BytesOut: n.bytesOut,
		Ticks: n.ticks, Late: n.late, LateMax: n.lateMax,
	}
	n.lateMax = 0
	for c := range l.Slow() {
		s.Blocked++
		s.PendingBytes += c.Pending()
	}
	return s
}

// came and went count a connection of this loop.
func (n *counts) came() { n.conns++ }

func (n *counts) went() {
	n.conns--
	invariants.Assert(n.conns >= 0, "more connections have gone than came: %d", n.conns)
}

// read counts what has arrived.
func (n *counts) read(bytes int) {
	n.reads++
	n.bytesIn += uint64(bytes)
}

// wrote counts a system call.
func (n *counts) wrote(bytes int) {
	n.writes++
	n.bytesOut += uint64(bytes)
}

// ticked counts a tick that was asked for at a time and is answered now.
func (n *counts) ticked(now, asked time.Duration) {
	late := max(now-asked, 0)
	n.ticks++
	n.late += late
	n.lateMax = max(n.lateMax, late)
}

// Slow are the connections whose peer does not keep up, in no order. Whoever ranges over them may abort them, and must not
// send anything meanwhile.
func (l *Loop) Slow() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for _, c := range l.blocked {
			if c.is(blocked) && !c.is(ending|closed) && !yield(c) {
				return
			}
		}
	}
}

// slowest are the same, those for whom most waits first.
func (l *Loop) slowest() []*Conn {
	return slices.SortedFunc(l.Slow(), func(a, b *Conn) int { return cmp.Compare(b.Pending(), a.Pending()) })
}

// Refusals is how many connections were turned away: because there were as many as there may be, and because the engine
// was shutting down. Those that [Loop.Take] has not taken count.
func (e *Engine) Refusals() (full, late int) {
	return int(e.shared.full.Load()), int(e.shared.late.Load())
}
