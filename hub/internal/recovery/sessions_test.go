package recovery

import (
	"slices"
	"testing"
	"time"
)

func TestSessionsEnd(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Limits)
		run    func(s *scene) []Saved
		want   []string // ids of the sessions that are over
		left   []string
	}{
		{"in time", nil, func(s *scene) []Saved {
			s.Save("a", s.connect("a"))
			s.now += 119 * time.Second
			return s.Expire()
		}, nil, []string{"a"}},
		{"too late", nil, func(s *scene) []Saved {
			s.Save("a", s.connect("a"))
			s.now += time.Second
			s.Save("b", s.connect("b"))
			s.now += 119 * time.Second
			return s.Expire()
		}, []string{"a"}, []string{"b"}},
		{"too many", func(l *Limits) { l.SessionsMax = 2 }, func(s *scene) []Saved {
			return slices.Concat(s.Save("a", s.connect("a")), s.Save("b", s.connect("b")), s.Save("c", s.connect("c")))
		}, []string{"a"}, []string{"b", "c"}},
		{"none wanted", func(l *Limits) { l.SessionsMax = 0 }, func(s *scene) []Saved {
			return s.Save("a", s.connect("a"))
		}, []string{"a"}, nil},
		{"too many bytes", func(l *Limits) { l.BytesMax = sessionsShare * 2500 }, func(s *scene) []Saved {
			save := func(id string) []Saved {
				return s.Save(id, Saved{SocketID: id, History: NewHistory(0), Bytes: 1000 - sessionBytes})
			}
			return slices.Concat(save("a"), save("b"), save("c"))
		}, []string{"a"}, []string{"b", "c"}},
		{"rooms count", func(l *Limits) { l.BytesMax = sessionsShare * 2 * (sessionBytes + memberBytes) }, func(s *scene) []Saved {
			return slices.Concat(s.Save("a", s.connect("a", "red")), s.Save("b", s.connect("b", "red")))
		}, []string{"a"}, []string{"b"}},
		{"too big by itself: the others stay", func(l *Limits) { l.BytesMax = sessionsShare * 2500 }, func(s *scene) []Saved {
			s.Save("a", s.connect("a"))
			return s.Save("b", Saved{SocketID: "b", History: NewHistory(0), Bytes: 2500})
		}, []string{"b"}, []string{"a"}},
		{"another under the same id", nil, func(s *scene) []Saved {
			s.Save("a", s.connect("z"))
			return s.Save("a", s.connect("a"))
		}, []string{"z"}, []string{"a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			change := row.change
			if change == nil {
				change = func(*Limits) {}
			}
			s := newScene(t, change)
			var over []string
			for _, saved := range row.run(s) {
				over = append(over, saved.SocketID)
			}
			if !slices.Equal(over, row.want) {
				t.Errorf("%q are over, want %q", over, row.want)
			}
			checkJournal(t, s.Journal)
			for _, pid := range []string{"a", "b", "c"} {
				if _, ok := s.Take(pid); ok != slices.Contains(row.left, pid) {
					t.Errorf("session %q is there: %v", pid, ok)
				}
				_ = s.Arrived(pid)
			}
		})
	}
}

func TestASessionIsNotTakenLate(t *testing.T) {
	s := newScene(t)
	s.Save("a", s.connect("a"))
	s.now += 120 * time.Second
	if _, ok := s.Take("a"); ok {
		t.Fatal("a session was taken when its time was over")
	}
	if over := s.Expire(); len(over) != 1 { // whoever waits for the end of sessions hears of it
		t.Fatalf("%d sessions are over, want 1", len(over))
	}
}
