package recovery

import "time"

// Saved is a session whose client is away: what it needs to go on as if it had not been.
type Saved struct {
	SocketID string
	History  *History
	Data     any // the caller's
	Bytes    int // what Data counts, roughly
}

// sessions are kept in the order in which their time is over.
type sessions struct {
	max, bytesMax int

	byID    table[*node[session]]
	kept    list[session]
	crowd   crowd // the same in no order
	bytes   int
	transit table[*node[session]] // those that were taken and have not arrived, which are in no list
	acts    []*act                // those that have begun and not ended
}

type session struct {
	pid    string
	saved  Saved
	until  time.Duration
	bytes  int
	rooms  signature // of those that it is in, its id among them
	place  int32     // in the crowd
	doomed bool      // it is in transit, and must not arrive
}

// put keeps a session and returns what had to go for it. Only a session that is too big by itself costs no other.
func (s *sessions) put(pid string, saved Saved, until time.Duration) (over []Saved) {
	if before, ok := s.byID.get(pid); ok {
		over = append(over, s.remove(before))
	}
	doomed := s.arrived(pid)
	bytes := sessionBytes + len(pid) + len(saved.SocketID) + max(saved.Bytes, 0) + saved.History.bytes()
	value := session{pid: pid, saved: saved, until: until, bytes: bytes, rooms: saved.signature()}
	if doomed || bytes > s.bytesMax || s.max == 0 || s.meant(&value) {
		return append(over, saved)
	}
	n := s.kept.push(value)
	s.byID.set(pid, n)
	s.crowd.add(n)
	s.bytes += bytes
	for s.kept.n > s.max || s.bytes > s.bytesMax {
		over = append(over, s.remove(s.kept.oldest))
	}
	return over
}

// take takes a session out. One whose time is over is left for takeOver, and one that is meant by an act for walk, which has
// not come to it yet.
func (s *sessions) take(pid string, now time.Duration) (Saved, bool) {
	n, ok := s.byID.get(pid)
	if !ok || n.value.until <= now || s.meant(&n.value) {
		return Saved{}, false
	}
	s.transit.set(pid, n)
	return s.remove(n), true
}

// arrived ends the transit of a session, if it is in transit, and reports whether it is doomed.
func (s *sessions) arrived(pid string) (doomed bool) {
	n, ok := s.transit.get(pid)
	if ok {
		s.transit.remove(pid)
	}
	return ok && n.value.doomed
}

// takeOver takes out the oldest session if its time is over.
func (s *sessions) takeOver(now time.Duration) (Saved, bool) {
	if n := s.kept.oldest; n != nil && n.value.until <= now {
		return s.remove(n), true
	}
	return Saved{}, false
}

func (s *sessions) remove(n *node[session]) Saved {
	s.kept.remove(n)
	s.crowd.remove(n)
	s.byID.remove(n.value.pid)
	s.bytes -= n.value.bytes
	return n.value.saved
}
