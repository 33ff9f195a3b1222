package recovery

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// checkJournal adds up again what a journal counts as it goes, and holds it against its bounds.
func checkJournal[M any](t testing.TB, j *Journal[M]) {
	t.Helper()
	s := &j.shelf
	bytes, kept, held := 0, 0, map[Position]int32{}
	for room, l := range s.rooms.m {
		if room != l.room {
			t.Fatalf("room %q has the log of %q", room, l.room)
		}
		bytes += l.cost()
		if l.entries.len() == 0 && l.dropped <= s.floor && s.kept.n == 0 && s.marks.len() == 0 {
			t.Fatalf("room %q is kept for nothing", room)
		}
	}
	for _, l := range append(slices.Collect(maps.Values(s.rooms.m)), &s.everyone) {
		checkLog(t, s, l, held)
	}
	last := Position(0)
	for n := s.kept.oldest; n != nil; n = n.newer {
		if e := &n.value; e.position <= last || e.held == 0 || e.held != held[e.position] {
			t.Fatalf("position %d behind %d is in %d logs and counts %d", e.position, last, held[e.position], e.held)
		}
		last, bytes, kept = n.value.position, bytes+n.value.cost(), kept+1
	}
	if bytes != s.bytes || kept != s.kept.n || len(held) != kept {
		t.Fatalf("%d entries of %d bytes count as %d of %d", kept, bytes, s.kept.n, s.bytes)
	}
	if marks := s.marks.len() * logBytes; marks > s.marksBytesMax {
		t.Fatalf("marks have %d bytes, at most %d are allowed", marks, s.marksBytesMax)
	}
	checkSessions(t, j)
	if stats := j.Stats(); stats.Bytes > j.limits.BytesMax || stats.Bytes != bytes+j.sessions.bytes {
		t.Fatalf("%d bytes are kept, at most %d are allowed", stats.Bytes, j.limits.BytesMax)
	}
}

func checkLog[M any](t testing.TB, s *shelf[M], l *log[M], held map[Position]int32) {
	t.Helper()
	bytes, last := 0, l.dropped
	for i := range l.entries.len() {
		e := &l.entries.at(i).value
		if e.position <= last {
			t.Fatalf("room %q has position %d behind %d", l.room, e.position, last)
		}
		last, bytes = e.position, bytes+e.cost()
		held[e.position]++
	}
	if bytes != l.bytes || l.entries.len() > 1 && bytes > s.roomBytesMax {
		t.Fatalf("room %q has %d bytes, counts %d, and may have %d", l.room, bytes, l.bytes, s.roomBytesMax)
	}
}

func checkSessions[M any](t testing.TB, j *Journal[M]) {
	t.Helper()
	checkActs(t, &j.sessions)
	bytes, n, until := 0, 0, time.Duration(0)
	for s := j.sessions.kept.oldest; s != nil; s = s.newer {
		if s.value.until < until {
			t.Fatalf("the session of %s ends at %v, one before it at %v", s.value.pid, s.value.until, until)
		}
		bytes, n, until = bytes+s.value.bytes, n+1, s.value.until
	}
	if bytes != j.sessions.bytes || n != j.sessions.kept.n || n != j.sessions.byID.len() || n > j.limits.SessionsMax ||
		bytes > j.limits.BytesMax/sessionsShare {
		t.Fatalf("%d sessions of %d bytes count as %d of %d", n, bytes, j.sessions.byID.len(), j.sessions.bytes)
	}
}

// checkActs wants every session that an act means to be in front of its walk, or doomed.
func checkActs(t testing.TB, s *sessions) {
	t.Helper()
	for _, a := range s.acts {
		for _, m := range s.crowd[min(a.ahead, len(s.crowd)):] {
			if a.means(&m.node.value) {
				t.Fatalf("an act means the session of %s and has gone past it", m.node.value.pid)
			}
		}
	}
	for i, m := range s.crowd {
		if n, ok := s.byID.get(m.node.value.pid); !ok || n != m.node || n.value.place != int32(i) || m.rooms != n.value.saved.signature() {
			t.Fatalf("place %d of the crowd is that of %+v", i, m.node.value)
		}
	}
	if len(s.crowd) != s.kept.n || cap(s.crowd) > 4*max(len(s.crowd)+1, crowdKeptMin) {
		t.Fatalf("the crowd has %d of %d places taken, for %d sessions", len(s.crowd), cap(s.crowd), s.kept.n)
	}
	for pid, n := range s.transit.m {
		if _, ok := s.byID.get(pid); ok || n.value.pid != pid {
			t.Fatalf("the session of %s is in transit under %s, and kept: %v", n.value.pid, pid, ok)
		}
		if s.meant(&n.value) && !n.value.doomed {
			t.Fatalf("the session of %s is in transit, meant and not doomed", pid)
		}
	}
}
