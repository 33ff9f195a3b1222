package main

import (
	"slices"
	"time"

	"starling/bench/internal/ledger"
)

// books are a fake's own account of its deliveries, each followed by a ping. The pong says when it had been read at the latest, so the
// latency that the client records lies between two times that the fake has taken itself, however busy the machine is. Their methods
// are called with the fake's lock held; nil books keep nothing.
type books struct {
	clock   func() int64 // flood's
	flights []flight
	stalls  []stall
	drops   []int64 // when what was dropped was sent
	proven  int     // how many of those the client can tell are missing
	toRooms int     // messages that have come
}

// flight is one delivery on its way. The times are in nanoseconds.
type flight struct {
	due, lag int64 // when the message was to be sent, and how much later it was; 0 for the answer to a join
	written  int64 // when the delivery began to be written
	back     int64 // when its pong was read; 0 if that has not come
	proves   int   // how many deliveries before it, that were dropped, its arrival shows to be missing
}

// stall is a time in which the fake did nothing at all.
type stall struct{ from, to int64 }

// entry is what the books have of one connection.
type entry struct {
	flights []int // whose pongs have not come
	greeted bool  // the pong of the handshake has
	heard   bool  // whatever is dropped from now on leaves a gap
	dropped int   // since the last delivery
	joined  int   // the flight of the answer to its last join
}

// publish is called for each message to a room: whoever joins before the first hears the room from its beginning.
func (b *books) publish() {
	if b != nil {
		b.toRooms++
	}
}

func (b *books) join(c *fakeConn) {
	if b != nil {
		c.entry.heard, c.entry.dropped, c.entry.joined = b.toRooms == 0, 0, len(b.flights)
		b.begin(c, flight{})
	}
}

// begin is called before something is written that a ping follows.
func (b *books) begin(c *fakeConn, one flight) {
	one.written = b.clock()
	c.entry.flights = append(c.entry.flights, len(b.flights))
	b.flights = append(b.flights, one)
}

func (b *books) leave(c *fakeConn) {
	if b != nil {
		c.entry.dropped = 0
	}
}

func (b *books) drop(c *fakeConn, packet string) {
	if b == nil {
		return
	}
	stamp, _ := ledger.FindStamp([]byte(packet))
	c.entry.dropped++
	b.drops = append(b.drops, stamp.SentNs+int64(stamp.LagUs)*1000)
}

func (b *books) write(c *fakeConn, packet string) {
	if b == nil {
		return
	}
	stamp, _ := ledger.FindStamp([]byte(packet))
	one := flight{due: stamp.SentNs, lag: int64(stamp.LagUs) * 1000}
	if c.entry.heard {
		one.proves = c.entry.dropped
	}
	c.entry.heard, c.entry.dropped = true, 0
	b.begin(c, one)
}

func (b *books) pong(c *fakeConn, at time.Time) {
	switch e := &c.entry; {
	case b == nil:
	case !e.greeted:
		e.greeted = true
	case len(e.flights) > 0:
		one := &b.flights[e.flights[0]]
		e.flights = e.flights[1:]
		one.back = b.clock() - int64(time.Since(at))
		b.proven += one.proves
	}
}

// rest is called within a delivery, and has everybody wait.
func (b *books) rest(d time.Duration) {
	from := b.clock()
	time.Sleep(d)
	b.stalls = append(b.stalls, stall{from, b.clock()})
}

// dues are the times at which messages were to be sent, each once, in order.
func (b *books) dues() []int64 {
	var all []int64
	for _, one := range b.flights {
		if one.due != 0 {
			all = append(all, one.due)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
