package recovery

import (
	"slices"
	"time"
)

// check holds what a client has got in its session against what it should have got.
func (w *world) check(p *player) {
	if p.session == nil {
		return
	}
	want := w.twin.stream(p.session)
	if len(want) < len(p.got) || !slices.Equal(p.got, want[:len(p.got)]) {
		w.t.Fatalf("%s has got %v, want the beginning of %v", p.id, positions(p.got), positions(want))
	}
}

// justify wants a reason for each recovery that was refused.
func (w *world) justify(p *player, err error) {
	start := p.session.begin
	if len(p.got) > 0 {
		start = p.got[len(p.got)-1].position
	}
	ok := false
	switch err {
	case ErrOffset:
		ok = p.broken
	case ErrHistory:
		ok = p.history.floor > start && len(p.session.changes) > HistoryLeftMax
	case ErrAge:
		pressed := w.j.shelf.floor > w.j.past.at(w.now-w.limits.Retention())
		breaksAgain := p.brokenAt-p.replayedAt < w.limits.InFlightTime+2*time.Second
		late := w.now-p.brokenAt >= w.limits.MaxDisconnectionDuration
		ok = w.j.shelf.floor > start && (pressed || breaksAgain || late)
	case ErrDropped:
		ok = w.hasDropped(p, start)
	case ErrReplayBytes:
		bytes := 0
		for _, m := range w.twin.stream(p.session)[len(p.got):] {
			bytes += m.bytes
		}
		ok = w.limits.ReplayBytesMax > 0 && bytes > w.limits.ReplayBytesMax
	}
	if !ok {
		w.t.Fatalf("%s, which has everything up to %d, is refused for no good reason: %v", p.id, start, err)
	}
}

// hasDropped reports whether something has gone early that was aimed at a room in which the session has been.
func (w *world) hasDropped(p *player, start Position) bool {
	return slices.ContainsFunc(w.twin, func(m *sent) bool {
		if m.position <= start {
			return false
		}
		if m.aim.Everyone {
			return !holds(&w.j.shelf.everyone, m.position)
		}
		return slices.ContainsFunc(m.aim.Rooms, func(room string) bool {
			l, ok := w.j.shelf.rooms.get(room)
			return p.session.ever(room) && ok && !holds(l, m.position)
		})
	})
}

func holds(l *log[*sent], p Position) bool {
	i := l.after(p - 1)
	return i < l.entries.len() && l.entries.at(i).value.position == p
}

func positions(messages []*sent) (ps []Position) {
	for _, m := range messages {
		ps = append(ps, m.position)
	}
	return ps
}
