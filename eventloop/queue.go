package eventloop

import "bytes"

// The queue of a connection is a list of segments, each a slice that nobody changes: bytes shared with other
// connections, or a copy of our own. The common case, one segment, needs no memory beside the Conn; more than one take a
// box from the loop's store.

// box holds the queue of a connection that has more than one segment.
type box struct {
	segments [][]byte
	next     int // first segment that is not sent
}

// boxes is a loop's store of boxes.
type boxes struct {
	free []*box
	low  int // fewest free ones since the last trim: those were of no use
}

func (s *boxes) get() *box {
	n := len(s.free)
	if n == 0 {
		return &box{segments: make([][]byte, 0, 4)}
	}
	b := s.free[n-1]
	s.free[n-1] = nil
	s.free = s.free[:n-1]
	s.low = min(s.low, n-1)
	return b
}

func (s *boxes) put(b *box) {
	if cap(b.segments) > boxSegmentsKeptMax {
		return
	}
	clear(b.segments)
	b.segments, b.next = b.segments[:0], 0
	s.free = append(s.free, b)
}

// trim gives back part of what was not needed since the last trim, so that a flood's memory does not stay for ever.
func (s *boxes) trim() {
	drop := (s.low + 15) / 16
	n := len(s.free) - drop
	clear(s.free[n:])
	s.free = s.free[:n]
	if n == 0 {
		s.free = nil
	}
	s.low = n
}

// keep returns a copy of b that lasts until the bytes queued on c have been written. For the connection whose callback is
// running, which is written to when the callback ends, it is made in memory that every callback uses again.
func (l *Loop) keep(c *Conn, b []byte) []byte {
	if l.current != c || len(b) >= directBytesMin {
		return bytes.Clone(b)
	}
	c.state |= scratchUsed
	start := len(l.scratch)
	l.scratch = append(l.scratch, b...) // growing leaves what was returned before where it is
	return l.scratch[start:len(l.scratch):len(l.scratch)]
}

// resetScratch ends the life of what keep has returned.
func (l *Loop) resetScratch() {
	if cap(l.scratch) > scratchBytesKeptMax {
		l.scratch = nil
	}
	l.scratch = l.scratch[:0]
}

// chunk returns the head of the queue: a large segment as it is, small ones copied together up to limit bytes into the
// loop's scratch (valid until the next chunk).
func (c *Conn) chunk(limit int) []byte {
	if c.box == nil {
		return c.one
	}
	waiting := c.box.segments[c.box.next:]
	if len(waiting) == 1 || len(waiting[0]) >= directBytesMin {
		return waiting[0]
	}
	scratch := c.loop.gatherings[:0]
	for _, s := range waiting {
		if len(scratch)+len(s) > limit {
			break
		}
		scratch = append(scratch, s...)
	}
	if cap(scratch) <= gatherBytesMax {
		c.loop.gatherings = scratch
	}
	return scratch
}

// consume drops n bytes from the head of the queue.
func (c *Conn) consume(n int) {
	c.queued -= n
	if c.queued == 0 {
		c.clearQueue()
		return
	}
	if c.box == nil {
		c.one = c.one[n:]
		return
	}
	for n > 0 {
		head := &c.box.segments[c.box.next]
		if n < len(*head) {
			*head = (*head)[n:]
			return
		}
		n -= len(*head)
		*head = nil
		c.box.next++
	}
}

// clearQueue forgets everything that is queued.
func (c *Conn) clearQueue() {
	c.queued, c.one = 0, nil
	if c.box != nil {
		c.loop.boxes.put(c.box)
		c.box = nil
	}
}

// own replaces what may lie in the loop's scratch by copies, for a connection that stays blocked beyond this callback.
// Only small segments can; that a small shared one is copied too costs little and happens to slow peers alone.
func (c *Conn) own() {
	if !c.is(scratchUsed) {
		return
	}
	c.state &^= scratchUsed
	if c.box == nil {
		c.one = bytes.Clone(c.one)
		return
	}
	for i := c.box.next; i < len(c.box.segments); i++ {
		if s := c.box.segments[i]; len(s) < directBytesMin {
			c.box.segments[i] = bytes.Clone(s)
		}
	}
}
