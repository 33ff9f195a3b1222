package hub

import (
	"context"
	"sync"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// Stats is a snapshot of a server, of this node alone, for monitoring. Each field is either a gauge, which says what there is
// at the moment, or a counter of what was done since Listen, which never goes back. All counting is done by the loops for
// themselves, with plain numbers, so that it costs next to nothing and the loops' figures are not all of the same instant.
type Stats struct {
	Loops  []LoopStats       // by the number of the loop
	Closed map[Reason]uint64 // counters: sessions that have ended; each reason has its entry
	// Refused are counters: requests that Engine.IO has refused, whether a session was to begin with them or they named one, and
	// connections that were turned away. Each cause has its entry.
	Refused map[Cause]uint64
	Panics  uint64 // counter: panics of handlers and hooks that were caught
}

// LoopStats are the figures of one loop, or the sums of several.
type LoopStats struct {
	// Gauges.

	Connections        int           // open ones, those that poll and those that have not said what they want among them
	PollingSessions    int           // sessions that poll
	WebSocketSessions  int           // sessions over a WebSocket
	Sockets            int           // connected ones, in all namespaces
	Tasks              int           // that wait to be done: broadcasts and emits of other goroutines, above all
	BlockedConnections int           // whose client does not read as fast as it is sent to
	PendingBytes       int           // that wait for these, and for clients that poll
	Wait               time.Duration // from the question for these figures to the answer: how far behind the loop is
	LateMax            time.Duration // by which the worst tick was late since Stats was asked before: how long something has held the loop
	Held               bool          // it has not answered in time: Wait is for how long, and all else is as it was when it last did

	// Counters.

	BegunPolling   uint64 // sessions that have begun by polling
	BegunWebSocket uint64 // sessions that have begun over a WebSocket
	Upgraded       uint64 // sessions that have gone over from the one to the other

	Events          uint64 // of clients that were taken in, for a handler or not
	AcksIn          uint64 // acknowledgements of clients that somebody has waited for
	AcksOut         uint64 // acknowledgements that clients were given
	Deliveries      uint64 // events that were queued for a socket; a broadcast to 100 sockets is 100
	DroppedVolatile uint64 // volatile events that were not, because the client does not keep up
	Dropped         uint64 // other events that were not, because too much waits for the client, which is disconnected for it

	Reads    uint64 // from sockets
	BytesIn  uint64 // that were read
	Flushes  uint64 // connections that were written to: with Deliveries and AcksOut, how many messages leave at once
	Writes   uint64 // system calls that this took
	BytesOut uint64 // that were written, or are gnet's to write

	Ticks uint64        // of the loop's clock, ten in a second unless the loop is held
	Late  time.Duration // by which they were late, all together; divided by Ticks it is the usual lag
}

// Total are the sums over all loops. Of Wait and LateMax it is the greatest, and Held says that at least one is.
func (s Stats) Total() (t LoopStats) {
	for i := range s.Loops {
		t.add(&s.Loops[i])
	}
	return t
}

func (t *LoopStats) add(l *LoopStats) {
	t.Connections += l.Connections
	t.PollingSessions += l.PollingSessions
	t.WebSocketSessions += l.WebSocketSessions
	t.Sockets += l.Sockets
	t.Tasks += l.Tasks
	t.BlockedConnections += l.BlockedConnections
	t.PendingBytes += l.PendingBytes
	t.Wait = max(t.Wait, l.Wait)
	t.LateMax = max(t.LateMax, l.LateMax)
	t.Held = t.Held || l.Held
	t.BegunPolling += l.BegunPolling
	t.BegunWebSocket += l.BegunWebSocket
	t.Upgraded += l.Upgraded
	t.Events += l.Events
	t.AcksIn += l.AcksIn
	t.AcksOut += l.AcksOut
	t.Deliveries += l.Deliveries
	t.DroppedVolatile += l.DroppedVolatile
	t.Dropped += l.Dropped
	t.Reads += l.Reads
	t.BytesIn += l.BytesIn
	t.Flushes += l.Flushes
	t.Writes += l.Writes
	t.BytesOut += l.BytesOut
	t.Ticks += l.Ticks
	t.Late += l.Late
}

// counts are what a shard counts. They belong to its loop.
type counts struct {
	sockets         int
	events          uint64
	acksIn          uint64
	acksOut         uint64
	deliveries      uint64
	droppedVolatile uint64
	dropped         uint64
}

// sent counts a message, or several that were joined, to so many sockets, of which some did not get it.
func (c *counts) sent(p *session.Prepared, sockets, dropped int, volatile bool) {
	n := uint64(p.Messages())
	c.deliveries += n * uint64(sockets-dropped)
	if volatile {
		c.droppedVolatile += n * uint64(dropped)
	} else {
		c.dropped += n * uint64(dropped)
	}
}

// deliver sends an event to the client, and counts it.
func (c *client) deliver(p *session.Prepared, volatile bool) {
	dropped := 0
	if c.Send(p, volatile) == eventloop.Dropped {
		dropped = 1
	}
	c.shard.counts.sent(p, 1, dropped, volatile)
}

// figures are what a loop has answered.
type figures struct {
	LoopStats
	closed  [session.ReasonsCount]uint64
	refused [session.CausesCount]uint64
}

// figures are those of this loop, on it.
func (sh *shard) figures() figures {
	l, t, c := sh.loop.Stats(), sh.table.Stats(), &sh.counts
	return figures{closed: t.Closed, refused: t.Refused, LoopStats: LoopStats{
		Connections: l.Connections, PollingSessions: t.Polling, WebSocketSessions: t.WebSocket, Sockets: c.sockets,
		Tasks: l.Tasks, BlockedConnections: l.Blocked, PendingBytes: l.PendingBytes, LateMax: l.LateMax,
		BegunPolling: t.BegunPolling, BegunWebSocket: t.BegunWebSocket, Upgraded: t.Upgraded,
		Events: c.events, AcksIn: c.acksIn, AcksOut: c.acksOut,
		Deliveries: c.deliveries, DroppedVolatile: c.droppedVolatile, Dropped: c.dropped,
		Reads: l.Reads, BytesIn: l.BytesIn, Flushes: l.Flushes, Writes: l.Writes, BytesOut: l.BytesOut,
		Ticks: l.Ticks, Late: l.Late,
	}}
}

// answers are what the loops have answered last, by their numbers. Each loop writes its own, so that an older one never
// takes the place of a newer one.
type answers struct {
	mu sync.Mutex
	of []figures
}

func (a *answers) put(i int, f figures) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.of) <= i {
		a.of = append(a.of, figures{})
	}
	a.of[i] = f
}

// get returns the answers of that many loops, empty ones of those that have never answered.
func (a *answers) get(loops int) []figures {
	a.mu.Lock()
	defer a.mu.Unlock()
	got := make([]figures, loops)
	copy(got, a.of)
	return got
}

// Stats asks each loop for its figures and waits for the answers, as long as ctx allows. The error is ctx's, or ErrShutdown
// when the loops have stopped; what is returned is worth having all the same: the figures of a loop that has not answered are
// those of the last time that it did, and it is marked as Held. Before Serve runs there are no loops to ask, and no error. It may be
// called often and by several goroutines, among which LateMax is dealt out; not by OnLoop handlers, which would wait for
// themselves.
func (s *Server) Stats(ctx context.Context) (Stats, error) {
	if !s.running() {
		return s.summary(nil), nil
	}
	shards := s.column()
	asked := make([]time.Duration, len(shards))
	for i, sh := range shards {
		asked[i] = sh.loop.Clock()
	}
	answered, err := onLoops(ctx, s, func(sh *shard) bool {
		i := sh.loop.Index()
		f := sh.figures()
		f.Wait = sh.loop.Clock() - asked[i]
		s.answers.put(i, f)
		return true
	})
	all := s.answers.get(len(shards))
	for i := range all {
		if !answered[i] {
			all[i].Held, all[i].Wait = true, shards[i].loop.Clock()-asked[i]
		}
	}
	return s.summary(all), err
}

// summary makes a snapshot of the figures of all loops and of what no loop counts.
func (s *Server) summary(all []figures) Stats {
	st := Stats{Closed: map[Reason]uint64{}, Refused: map[Cause]uint64{}, Panics: uint64(s.Panics())}
	var sum figures
	for i := range all {
		st.Loops = append(st.Loops, all[i].LoopStats)
		for r, n := range all[i].closed {
			sum.closed[r] += n
		}
		for c, n := range all[i].refused {
			sum.refused[c] += n
		}
	}
	for r := session.TransportClose; int(r) < session.ReasonsCount; r++ {
		st.Closed[reasonOf(r)] = sum.closed[r]
	}
	for c := session.Malformed; int(c) < session.CausesCount; c++ {
		st.Refused[causeOf(c)] = sum.refused[c]
	}
	full, late := s.turnedAwayFull.Load(), s.turnedAwayLate.Load()
	if e := s.engine.Load(); e != nil {
		f, l := e.Refusals()
		full, late = full+int64(f), late+int64(l)
	}
	st.Refused[CauseConnections] = uint64(full)
	st.Refused[CauseDraining] += uint64(late)
	return st
}
