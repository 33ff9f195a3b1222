package recovery

import (
	"crypto/rand"
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

// TestForget ends the sessions that an aim means, and no others.
func TestForget(t *testing.T) {
	for _, tc := range []struct {
		name string
		aim  Aim
		over []string
	}{
		{"everyone", Aim{Everyone: true}, []string{"ada", "bob", "eve"}},
		{"a room", Aim{Rooms: []string{"staff"}}, []string{"ada", "bob"}},
		{"a room that was left", Aim{Rooms: []string{"left"}}, nil},
		{"an id", Aim{Rooms: []string{"eve"}}, []string{"eve"}},
		{"rooms, each once", Aim{Rooms: []string{"staff", "ada", "admins"}}, []string{"ada", "bob"}},
		{"everyone but a room", Aim{Everyone: true, Except: []string{"staff"}}, []string{"eve"}},
		{"a room but an id", Aim{Rooms: []string{"staff"}, Except: []string{"bob"}}, []string{"ada"}},
		{"nobody", Aim{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := New[int](Limits{
				MaxDisconnectionDuration: time.Minute, InFlightTime: time.Second, RoomBytesMax: 1 << 20, BytesMax: 1 << 20, SessionsMax: 10,
			}, func() time.Duration { return 0 }, rand.Reader)
			for id, rooms := range map[string][]string{"ada": {"staff", "admins"}, "bob": {"staff"}, "eve": nil} {
				h := NewHistory(0)
				for _, room := range rooms {
					h.Joined(room, 0)
				}
				h.Joined("left", 0)
				h.Left("left", 1, 0)
				j.Save("pid of "+id, Saved{SocketID: id, History: h})
			}
			var over []string
			for _, s := range j.Forget(tc.aim) {
				over = append(over, s.SocketID)
			}
			slices.Sort(over)
			if !slices.Equal(over, tc.over) {
				t.Errorf("over are %q, want %q", over, tc.over)
			}
			for _, id := range []string{"ada", "bob", "eve"} {
				if _, ok := j.Take("pid of " + id); ok == slices.Contains(tc.over, id) {
					t.Errorf("%s can come back: %v", id, ok)
				}
			}
			if n := j.Stats().Sessions; n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		})
	}
}
