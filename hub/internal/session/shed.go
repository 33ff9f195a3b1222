package session

import (
	"cmp"
	"slices"

	"starling/eventloop"
)

// laggard is a client that does not keep up: a connection of any kind whose peer does not read, or a session whose client
// does not poll.
type laggard struct {
	bytes   int // that wait for it
	conn    *eventloop.Conn
	session *Session // instead of conn
}

// laggards are all that there are on this loop, those for whom most waits first.
func (t *Table) laggards() (all []laggard) {
	for c := range t.loop.Slow() {
		if n := c.Pending(); n > 0 { // else it has just caught up
			all = append(all, laggard{bytes: n, conn: c})
		}
	}
	for _, s := range t.byID {
		if n := s.QueuedBytes(); s.poll != nil && n > 0 {
			all = append(all, laggard{bytes: n, session: s})
		}
	}
	slices.SortFunc(all, func(a, b laggard) int { return cmp.Compare(b.bytes, a.bytes) })
	return all
}

// Backlogs returns how many bytes wait for each client that does not keep up, the most first.
func (t *Table) Backlogs() []int {
	all := t.laggards()
	backlogs := make([]int, len(all))
	for i, l := range all {
		backlogs[i] = l.bytes
	}
	return backlogs
}

// Shed disconnects, as slow consumers, the n clients for whom most waits, and returns how many bytes waited for them.
func (t *Table) Shed(n int) (freed int) {
	all := t.laggards()
	for _, l := range all[:min(n, len(all))] {
		freed += l.bytes
		l.shed()
	}
	return freed
}

// shed lets go of all that waits for a client, as the loop does with connections when too much waits for all of them.
func (l laggard) shed() {
	switch s := l.session; {
	case s == nil:
		l.conn.Abort(eventloop.ErrShed)
	case s.closed: // its client does not know yet, and never will
		s.forget()
	default:
		s.Close(SlowConsumer)
	}
}
