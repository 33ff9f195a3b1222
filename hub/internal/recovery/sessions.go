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

	byID  table[*node[session]]
	kept  list[session]
	bytes int
}

type session struct {
	pid   string
	saved Saved
	until time.Duration
	bytes int
}

// put keeps a session and returns what had to go for it. Only a session that is too big by itself costs no other.
func (s *sessions) put(pid string, saved Saved, until time.Duration) (over []Saved) {
	if n, ok := s.byID.get(pid); ok {
		over = append(over, s.remove(n))
	}
	bytes := sessionBytes + len(pid) + len(saved.SocketID) + max(saved.Bytes, 0) + saved.History.bytes()
	if bytes > s.bytesMax || s.max == 0 {
		return append(over, saved)
	}
	s.byID.set(pid, s.kept.push(session{pid, saved, until, bytes}))
	s.bytes += bytes
	for s.kept.n > s.max || s.bytes > s.bytesMax {
		over = append(over, s.remove(s.kept.oldest))
	}
	return over
}

// take takes a session out. One whose time is over is left for takeOver.
func (s *sessions) take(pid string, now time.Duration) (Saved, bool) {
	n, ok := s.byID.get(pid)
	if !ok || n.value.until <= now {
		return Saved{}, false
	}
	return s.remove(n), true
}

// takeOver takes out the oldest session if its time is over.
func (s *sessions) takeOver(now time.Duration) (Saved, bool) {
	if n := s.kept.oldest; n != nil && n.value.until <= now {
		return s.remove(n), true
	}
	return Saved{}, false
}

// takeAll takes out the sessions that are meant, in a walk over all of them.
func (s *sessions) takeAll(meant func(*Saved) bool) (taken []Saved) {
	for n := s.kept.oldest; n != nil; {
		next := n.newer
		if meant(&n.value.saved) {
			taken = append(taken, s.remove(n))
		}
		n = next
	}
	return taken
}

func (s *sessions) remove(n *node[session]) Saved {
	s.kept.remove(n)
	s.byID.remove(n.value.pid)
	s.bytes -= n.value.bytes
	return n.value.saved
}
