package recovery

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// actRows are what acts mean of ada, who is in staff and admins, bob, who is in staff, and eve, who is in no room. All have
// left the room left.
var actRows = []struct {
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
	{"of everyone those in a room", Aim{Everyone: true, Also: []string{"admins", "other"}}, []string{"ada"}},
	{"of a room those in another", Aim{Rooms: []string{"staff"}, Also: []string{"other", "admins"}}, []string{"ada"}},
	{"of a room those in one that was left", Aim{Rooms: []string{"staff"}, Also: []string{"left"}}, nil},
	{"nobody leaves its id", Aim{Rooms: []string{"bob"}, Also: []string{"bob"}}, nil},
}

// actIDs are those of actRows.
var actIDs = []string{"ada", "bob", "eve"}

// actScene has the sessions of actRows, none of them saved yet.
func actScene(t *testing.T) (s *scene, saved map[string]Saved) {
	s = newScene(t)
	saved = map[string]Saved{"ada": s.connect("ada", "staff", "admins", "left"), "bob": s.connect("bob", "staff", "left"), "eve": s.connect("eve", "left")}
	for _, m := range saved {
		m.History.Left("left", 1, 0)
	}
	return s, saved
}

// addIDs adds the ids of sessions that are over to a list.
func addIDs(ids []string, over []Saved) []string {
	for _, s := range over {
		ids = append(ids, s.SocketID)
	}
	return ids
}

// ended returns the ids of sessions that are over when one has arrived, which is saved again if it may go on.
func (s *scene) ended(id string, saved Saved, err error, told []Saved) (over []string) {
	if err != nil {
		return addIDs([]string{id}, told)
	}
	return addIDs(addIDs(nil, told), s.Save(id, saved))
}

// TestActsReachWhoIsAway has each act meet each session wherever it may be: no session may go on that is meant, nor be ended that is
// not.
func TestActsReachWhoIsAway(t *testing.T) {
	for _, where := range []struct {
		name string
		meet func(s *scene, aim Aim, id string, saved Saved) (over []string)
	}{
		{"kept", func(s *scene, aim Aim, id string, saved Saved) []string {
			s.Save(id, saved)
			over, end := s.Begin(aim)
			end()
			return addIDs(nil, over)
		}},
		{"kept, and taken before the walk has come to it", func(s *scene, aim Aim, id string, saved Saved) (over []string) {
			s.Save(id, saved)
			a := newAct(aim)
			s.sessions.begin(a)
			checkJournal(s.t, s.Journal)
			if got, ok := s.Take(id); ok {
				s.Save(id, got)
			}
			var walked []Saved
			for s.walk(a, &walked) {
				checkJournal(s.t, s.Journal)
			}
			s.sessions.end(a)
			return addIDs(nil, walked)
		}},
		{"in transit, and it arrives before the end", func(s *scene, aim Aim, id string, saved Saved) (over []string) {
			s.Save(id, saved)
			s.Take(id)
			told, end := s.Begin(aim)
			err := s.Arrived(id)
			end()
			return s.ended(id, saved, err, told)
		}},
		{"in transit, and it arrives behind the end", func(s *scene, aim Aim, id string, saved Saved) (over []string) {
			s.Save(id, saved)
			s.Take(id)
			told, end := s.Begin(aim)
			end()
			return s.ended(id, saved, s.Arrived(id), told)
		}},
		{"in transit, and gone again", func(s *scene, aim Aim, id string, saved Saved) []string {
			s.Save(id, saved)
			s.Take(id)
			told, end := s.Begin(aim)
			end()
			return addIDs(addIDs(nil, told), s.Save(id, saved))
		}},
		{"connected, and it goes away before the end", func(s *scene, aim Aim, id string, saved Saved) []string {
			told, end := s.Begin(aim)
			over := addIDs(addIDs(nil, told), s.Save(id, saved))
			end()
			return over
		}},
	} {
		for _, row := range actRows {
			t.Run(where.name+"/"+row.name, func(t *testing.T) {
				s, saved := actScene(t)
				var over []string
				for _, id := range actIDs {
					over = append(over, where.meet(s, row.aim, id, saved[id])...)
					checkJournal(t, s.Journal)
					_, ok := s.Take(id)
					if meant := slices.Contains(row.over, id); ok == meant {
						t.Errorf("%s is there: %v", id, ok)
					}
					_ = s.Arrived(id)
				}
				if !slices.Equal(over, row.over) {
					t.Errorf("over are %q, want %q", over, row.over)
				}
				if stats := s.Stats(); stats != (Stats{}) {
					t.Errorf("%+v is left", stats)
				}
			})
		}
	}
}

// TestActsThatAreOver concern nobody any more, and of several that have begun each does.
func TestActsThatAreOver(t *testing.T) {
	s, saved := actScene(t)
	_, endStaff := s.Begin(Aim{Rooms: []string{"staff"}})
	_, endEve := s.Begin(Aim{Rooms: []string{"eve"}})
	if over := s.Save("ada", saved["ada"]); len(over) != 1 {
		t.Errorf("with both acts under way %d sessions are over, want that of ada", len(over))
	}
	endStaff()
	if over := s.Save("bob", saved["bob"]); over != nil {
		t.Errorf("behind the end of the act %v is over", over)
	}
	if over := s.Save("eve", saved["eve"]); len(over) != 1 {
		t.Errorf("with her act under way %d sessions are over, want that of eve", len(over))
	}
	endEve()
	if over := s.Save("eve", saved["eve"]); over != nil {
		t.Errorf("behind the end of the act %v is over", over)
	}
	if got, want := s.Stats(), 2; got.Sessions != want || got.Acts != 0 || got.Transit != 0 {
		t.Errorf("there is %+v, want %d sessions", got, want)
	}
}

// TestWhoIsOverIsNotInTransit: whatever keeps a session from being kept again ends its transit.
func TestWhoIsOverIsNotInTransit(t *testing.T) {
	s := newScene(t)
	me := s.connect("me", "red")
	for _, row := range []struct {
		name string
		end  func()
		over bool
	}{
		{"kept again", func() { s.Save("pid", me) }, false},
		{"too big by now", func() { s.Save("pid", Saved{SocketID: "me", History: me.History, Bytes: 1 << 40}) }, true},
		{"arrived", func() { _ = s.Arrived("pid") }, true},
		{"arrived and heard that it is forgotten", func() {
			_, end := s.Begin(Aim{Everyone: true})
			end()
			if err := s.Arrived("pid"); err != ErrForgotten {
				t.Errorf("it has arrived with the error %v", err)
			}
			if err := s.Arrived("pid"); err != nil {
				t.Errorf("what is in no transit has arrived with the error %v", err)
			}
		}, true},
	} {
		s.Save("pid", me)
		if _, ok := s.Take("pid"); !ok || s.Stats().Transit != 1 {
			t.Fatalf("%s: taken %v, in transit are %d", row.name, ok, s.Stats().Transit)
		}
		row.end()
		if _, ok := s.Take("pid"); ok == row.over {
			t.Errorf("%s: it is there: %v", row.name, ok)
		}
		_ = s.Arrived("pid")
		if stats := s.Stats(); stats != (Stats{}) {
			t.Errorf("%s: %+v is left", row.name, stats)
		}
	}
}

// TestActsAtTheSameTime has sessions come and go while acts walk over many: each act ends all that it means, and no others.
func TestActsAtTheSameTime(t *testing.T) {
	const away = 5 * walkedAtOnceMax
	s := newScene(t, func(l *Limits) { l.SessionsMax = 2 * away })
	for i := range away {
		s.Save(fmt.Sprint("pid", i), s.connect(fmt.Sprint("id", i), fmt.Sprint("user", i), "all", fmt.Sprint("odd", i%2)))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	over := map[string]int{}
	note := func(sessions []Saved) {
		mu.Lock()
		defer mu.Unlock()
		for _, x := range sessions {
			over[x.SocketID]++
		}
	}
	for i := range 4 {
		all.Go(func() {
			for k := i; k < away; k += 97 {
				told, end := s.Begin(Aim{Rooms: []string{fmt.Sprint("user", k)}, Also: []string{"odd1"}})
				note(told)
				runtime.Gosched()
				end()
			}
		})
		all.Go(func() {
			for k := i; k < away; k += 4 {
				pid := fmt.Sprint("pid", k)
				if saved, ok := s.Take(pid); ok {
					runtime.Gosched()
					note(s.Save(pid, saved))
				}
			}
		})
	}
	all.Wait()
	checkJournal(t, s.Journal)
	for k := range away {
		want := 0
		for i := range 4 {
			if k%2 == 1 && k >= i && (k-i)%97 == 0 {
				want = 1
			}
		}
		id := fmt.Sprint("id", k)
		_, ok := s.Take(fmt.Sprint("pid", k))
		_ = s.Arrived(fmt.Sprint("pid", k))
		if over[id] != want || ok == (want == 1) {
			t.Fatalf("%s is over %d times, want %d, and there: %v", id, over[id], want, ok)
		}
	}
	if stats := s.Stats(); stats != (Stats{}) {
		t.Errorf("%+v is left", stats)
	}
}

// TestSignaturesRuleOutNearlyAll: an act at one of many has to look at few.
func TestSignaturesRuleOutNearlyAll(t *testing.T) {
	const many = 10_000
	x, looked := sign("user:x"), 0
	for i := range many {
		h := NewHistory(0)
		for _, room := range []string{fmt.Sprint("user:", i), "ws:acme", "hall"} {
			h.Joined(room, 0)
		}
		saved := Saved{SocketID: fmt.Sprintf("%020d", i), History: h}
		all := saved.signature()
		for _, room := range []string{saved.SocketID, fmt.Sprint("user:", i), "ws:acme", "hall"} {
			if r := sign(room); all&r != r {
				t.Fatalf("the signature of %d rules out %s", i, room)
			}
		}
		if all&x == x {
			looked++
		}
	}
	if looked > many/4 { // with bits of hall and ws:acme that are, by chance, those of user:x; else some 2%
		t.Errorf("%d of %d pass", looked, many)
	}
	if got := strings.Count(fmt.Sprintf("%b", sign("a")|sign("b")), "1"); got > 4 {
		t.Errorf("two rooms have %d bits", got)
	}
}

// BenchmarkBegin is an act at one user while 200,000 sessions are away: how long it takes, and how long others wait at the most.
func BenchmarkBegin(b *testing.B) {
	const away = 200_000
	limits := usualLimits
	limits.SessionsMax, limits.BytesMax = away, 1<<30
	j := New[*sent](limits, func() time.Duration { return 0 }, sixBytes())
	for i := range away {
		h := NewHistory(0)
		h.Joined(fmt.Sprint("user:", i), 0)
		h.Joined("ws:acme", 0)
		j.Save(fmt.Sprint("pid", i), Saved{SocketID: fmt.Sprintf("%020d", i), History: h})
	}
	for _, row := range []struct {
		name string
		aim  Aim
	}{
		{"a user", Aim{Rooms: []string{"user:x"}, Also: []string{"ws:acme"}}},
		{"an id", Aim{Rooms: []string{fmt.Sprintf("%020d", away)}}},
		{"a room of all without any", Aim{Rooms: []string{"ws:acme"}, Also: []string{"user:x"}}},
		{"the member of a room whom it does not mean", Aim{Rooms: []string{"ws:acme"}, Except: []string{"ws:acme"}}},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				over, end := j.Begin(row.aim)
				end()
				if over != nil {
					b.Fatal("it has met somebody")
				}
			}
		})
	}
}
