package recovery

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// usualLimits are those of a server with the usual times.
var usualLimits = Limits{
	MaxDisconnectionDuration: 2 * time.Minute,
	InFlightTime:             70 * time.Second,
	RoomBytesMax:             1 << 20,
	BytesMax:                 64 << 20,
	SessionsMax:              10_000,
}

// scene is a journal of words, under a hand clock.
type scene struct {
	*Journal[string]
	t       testing.TB
	now     time.Duration
	newest  Position // what the one loop of this scene has handed to its sockets
	offsets map[string]string
}

func newScene(t testing.TB, change ...func(*Limits)) *scene {
	s := &scene{t: t, offsets: map[string]string{"": ""}}
	limits := usualLimits
	for _, c := range change {
		c(&limits)
	}
	s.Journal = New[string](limits, func() time.Duration { return s.now }, sixBytes())
	t.Cleanup(func() {
		if stats := s.Stats(); stats.Transit != 0 || stats.Acts != 0 {
			t.Errorf("in the end there is %+v, want nobody in transit and no act", stats)
		}
	})
	return s
}

// pass lets time pass as the server does, which looks after the journal each second.
func (s *scene) pass(d time.Duration) {
	for ; d > 0; d -= time.Second {
		s.now += min(d, time.Second)
		s.Expire()
	}
}

// send records a word that counts so many bytes.
func (s *scene) send(aim Aim, word string, bytes int) {
	s.Record(aim, bytes, func(p Position, offset Offset) string {
		s.newest, s.offsets[word] = p, offset.String()
		return word
	})
}

// say is send to one room, or to everyone if room is "".
func (s *scene) say(room, words string) {
	for _, word := range strings.Fields(words) {
		s.send(aimAt(room), word, 10)
	}
}

func aimAt(room string) Aim {
	if room == "" {
		return Aim{Everyone: true}
	}
	return Aim{Rooms: []string{room}}
}

// connect begins a session of a socket that is in some rooms.
func (s *scene) connect(id string, rooms ...string) Saved {
	h := NewHistory(s.newest)
	for _, room := range rooms {
		h.Joined(room, s.newest)
	}
	return Saved{SocketID: id, History: h}
}

// replay tells what a session that comes back misses behind a word, or the error. It has arrived then.
func (s *scene) replay(saved Saved, lastWord string) (missed string, err error) {
	err = s.Replay(saved, s.offsets[lastWord], func(words []string, upTo Position) {
		missed, s.newest = strings.Join(words, " "), upTo
	})
	if arrived := s.Arrived("pid"); arrived != nil {
		s.t.Errorf("it has arrived with the error %v", arrived)
	}
	checkJournal(s.t, s.Journal)
	return missed, err
}

// recover is a disconnection of some length, which has to end well.
func (s *scene) recover(saved Saved, away time.Duration, lastWord, want string) {
	s.t.Helper()
	if over := s.Save("pid", saved); over != nil {
		s.t.Fatalf("%v had to go", over)
	}
	s.pass(away)
	back, ok := s.Take("pid")
	if !ok || back != saved {
		s.t.Fatalf("took %v, %v, want %v", back, ok, saved)
	}
	missed, err := s.replay(back, lastWord)
	if err != nil || missed != want {
		s.t.Fatalf("missed %q, %v, want %q", missed, err, want)
	}
}

func TestWhatWasMissed(t *testing.T) {
	for _, row := range []struct {
		name    string
		between func(s *scene, me Saved) // after the word "start", which all have received
		want    string
	}{
		{"nothing", func(*scene, Saved) {}, ""},
		{"to everyone", func(s *scene, _ Saved) { s.say("", "a b") }, "a b"},
		{"to its id", func(s *scene, _ Saved) { s.say("me", "a b") }, "a b"},
		{"to its room", func(s *scene, _ Saved) { s.say("red", "a b") }, "a b"},
		{"to others", func(s *scene, _ Saved) { s.say("you", "a"); s.say("green", "b") }, ""},
		{
			"in the order of sending, whatever the room",
			func(s *scene, _ Saved) {
				s.say("red", "a")
				s.say("", "b")
				s.say("me", "c")
				s.say("blue", "d")
				s.say("red", "e")
			},
			"a b c d e",
		},
		{"to two of its rooms: once", func(s *scene, _ Saved) { s.send(Aim{Rooms: []string{"red", "blue"}}, "a", 1) }, "a"},
		{"to one of its rooms and another", func(s *scene, _ Saved) { s.send(Aim{Rooms: []string{"green", "blue"}}, "a", 1) }, "a"},
		{"to a room named twice", func(s *scene, _ Saved) { s.send(Aim{Rooms: []string{"red", "red"}}, "a", 1) }, "a"},
		{"to nobody", func(s *scene, _ Saved) { s.send(Aim{}, "a", 1) }, ""},
		{"everyone wins over rooms", func(s *scene, _ Saved) { s.send(Aim{Everyone: true, Rooms: []string{"green"}}, "a", 1) }, "a"},
		{"excepted by its id", func(s *scene, _ Saved) { s.send(Aim{Everyone: true, Except: []string{"me"}}, "a", 1) }, ""},
		{"excepted by a room", func(s *scene, _ Saved) { s.send(Aim{Rooms: []string{"red"}, Except: []string{"blue"}}, "a", 1) }, ""},
		{"others excepted", func(s *scene, _ Saved) { s.send(Aim{Everyone: true, Except: []string{"you", "green"}}, "a", 1) }, "a"},
		{
			"before it joined and after",
			func(s *scene, me Saved) {
				s.say("green", "a")
				me.History.Joined("green", s.newest)
				s.say("green", "b")
			},
			"b",
		},
		{
			"before it left and after",
			func(s *scene, me Saved) {
				s.say("red", "a")
				me.History.Left("red", s.newest, s.Settled())
				s.say("red", "b")
			},
			"a",
		},
		{
			"left and joined again",
			func(s *scene, me Saved) {
				s.say("red", "a")
				me.History.Left("red", s.newest, s.Settled())
				s.say("red", "b")
				me.History.Joined("red", s.newest)
				s.say("red", "c")
			},
			"a c",
		},
		{
			"excepted by a room while it was in there",
			func(s *scene, me Saved) {
				but := Aim{Everyone: true, Except: []string{"green"}}
				s.send(but, "a", 1)
				me.History.Joined("green", s.newest)
				s.send(but, "b", 1)
				me.History.Left("green", s.newest, s.Settled())
				s.send(but, "c", 1)
			},
			"a c",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t)
			s.say("", "before")
			me := s.connect("me", "red", "blue")
			s.say("", "start")
			row.between(s, me)
			s.recover(me, time.Second, "start", row.want)
		})
	}
}

func TestFromWhichOffset(t *testing.T) {
	for _, row := range []struct {
		name, offset, want string
	}{
		{"none: all of the session", "", "b c d"},
		{"before the session", "BCDEFG~AAAAAAAAB", "b c d"},
		{"in the session", "BCDEFG~AAAAAAAAC", "c d"},
		{"the last", "BCDEFG~AAAAAAAAE", ""},
		{"of another process or namespace", "XXXXXX~AAAAAAAAC", "b c d"},
		{"of another process that was further", "XXXXXX~_________", "b c d"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t)
			s.say("red", "a")
			me := s.connect("me", "red")
			s.say("red", "b c d")
			s.offsets["last"] = row.offset
			s.recover(me, time.Second, "last", row.want)
		})
	}
}

// TestRefusals has what keeps a session from being recovered.
func TestRefusals(t *testing.T) {
	small := func(l *Limits) { l.RoomBytesMax = 3 * (entryBytes + 10) }
	for _, row := range []struct {
		name   string
		change func(*Limits)
		run    func(s *scene) (missed string, err error)
		want   error
	}{
		{"a string of the application's", nil, func(s *scene) (string, error) {
			s.offsets["last"] = "hello"
			return s.replay(s.connect("me"), "last")
		}, ErrOffset},
		{"an offset of nothing yet", nil, func(s *scene) (string, error) {
			s.say("red", "a")
			s.offsets["last"] = "BCDEFG~AAAAAAAAC"
			return s.replay(s.connect("me"), "last")
		}, ErrOffsetAhead},
		{"from before rooms that are forgotten", nil, func(s *scene) (string, error) {
			me := s.connect("me")
			s.say("", "start")
			for range HistoryLeftMax + 1 {
				me.History.Joined("red", s.newest)
				s.say("red", "a")
				me.History.Left("red", s.newest, s.Settled())
			}
			return s.replay(me, "start")
		}, ErrHistory},
		{"taken in time, but replayed much later", nil, func(s *scene) (string, error) {
			s.pass(time.Hour)
			me := s.connect("me")
			s.say("", "a")
			s.Save("pid", me)
			s.pass(time.Minute)
			me, _ = s.Take("pid")
			s.pass(3 * time.Minute)
			return s.replay(me, "")
		}, ErrAge},
		{"a replay that was lost, and then the messages too old", nil, func(s *scene) (string, error) {
			me := s.connect("me")
			s.Save("pid", me)
			s.say("", "a b")
			s.pass(119 * time.Second)
			me, _ = s.Take("pid")
			if missed, err := s.replay(me, ""); missed != "a b" || err != nil {
				return missed, err
			}
			s.pass(20 * time.Second)
			s.Save("pid", me)
			s.pass(119 * time.Second)
			me, _ = s.Take("pid")
			return s.replay(me, "a")
		}, ErrAge},
		{"one message too many for a room", small, func(s *scene) (string, error) {
			me := s.connect("me", "red")
			s.say("red", "a b c d")
			return s.replay(me, "")
		}, ErrDropped},
		{"one too many for everyone", small, func(s *scene) (string, error) {
			me := s.connect("me", "red")
			s.say("", "a b c d")
			return s.replay(me, "")
		}, ErrDropped},
		{"one too many for its id", small, func(s *scene) (string, error) {
			me := s.connect("me", "red")
			s.say("me", "a b c d")
			return s.replay(me, "")
		}, ErrDropped},
		{"one too many for a room that it has left", small, func(s *scene) (string, error) {
			me := s.connect("me", "red")
			s.say("red", "a b c d")
			me.History.Left("red", s.newest, s.Settled())
			return s.replay(me, "")
		}, ErrDropped},
		{"too many rooms for all", func(l *Limits) { l.BytesMax = 40_000 }, func(s *scene) (string, error) {
			me := s.connect("me", "red")
			s.say("red", "a")
			for i := range 1000 {
				s.say(fmt.Sprint("room", i), "b")
			}
			return s.replay(me, "")
		}, ErrAge},
		{"taken out of a room on the way back", nil, func(s *scene) (string, error) {
			s.Save("pid", s.connect("me", "red"))
			s.Take("pid")
			_, end := s.Begin(Aim{Everyone: true, Also: []string{"red"}})
			defer end()
			return "", s.Arrived("pid")
		}, ErrForgotten},
		{"too much at once", func(l *Limits) { l.ReplayBytesMax = 29 }, func(s *scene) (string, error) {
			me := s.connect("me", "red")
			s.say("red", "a b c")
			return s.replay(me, "")
		}, ErrReplayBytes},
	} {
		t.Run(row.name, func(t *testing.T) {
			change := row.change
			if change == nil {
				change = func(*Limits) {}
			}
			if missed, err := row.run(newScene(t, change)); err != row.want || missed != "" {
				t.Fatalf("got %q and the error %v, want %v", missed, err, row.want)
			}
		})
	}
}

// TestEveryRuleHasARow wants each exported Err value to be expected by some test.
func TestEveryRuleHasARow(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) != 7 {
		t.Fatalf("%d Err values found", len(declared))
	}
	for _, name := range declared {
		if !bytes.Contains(tests, []byte("}, "+name+"}")) {
			t.Errorf("%s is expected by no table row", name)
		}
	}
}

func TestWhatIsDroppedHarmsOnlyWhoNeedsIt(t *testing.T) {
	s := newScene(t, func(l *Limits) { l.RoomBytesMax = 3 * (entryBytes + 10) })
	busy, late, other := s.connect("busy", "red"), s.connect("late"), s.connect("other", "blue")
	s.say("blue", "x")
	s.say("red", "a b c d e")
	late.History.Joined("red", s.newest)
	s.say("red", "f")
	for _, row := range []struct {
		name     string
		who      Saved
		lastWord string
		want     string
		err      error
	}{
		{"who has not had all that is gone", busy, "b", "", ErrDropped},
		{"who has", busy, "c", "d e f", nil},
		{"who came later", late, "", "f", nil},
		{"who is somewhere else", other, "", "x", nil},
	} {
		if missed, err := s.replay(row.who, row.lastWord); missed != row.want || err != row.err {
			t.Errorf("%s gets %q, %v, want %q, %v", row.name, missed, err, row.want, row.err)
		}
	}
}

func TestQuietConnections(t *testing.T) {
	for _, row := range []struct {
		name, lastWord string
	}{
		{"one whose last message was hours ago", "start"},
		{"one that has never got any", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t, func(l *Limits) { l.RoomBytesMax = 2000 })
			me := s.connect("me", "quiet")
			if row.lastWord != "" {
				s.say("quiet", row.lastWord)
			}
			for range 500 { // much is sent to others, and in the end nothing of the start is kept
				s.pass(30 * time.Second)
				s.say("busy", "noise noise noise")
			}
			if n := s.Stats().Rooms; n != 1 {
				t.Fatalf("%d rooms are kept, want only the busy one", n)
			}
			s.Save("pid", me)
			s.say("quiet", "hello")
			s.pass(119 * time.Second)
			s.say("busy", "noise")
			s.say("quiet", "again")
			back, ok := s.Take("pid")
			if missed, err := s.replay(back, row.lastWord); !ok || missed != "hello again" || err != nil {
				t.Fatalf("session %v, missed %q, %v", ok, missed, err)
			}
		})
	}
}

func TestWorksAgainAndAgain(t *testing.T) {
	s := newScene(t)
	me := s.connect("me", "red")
	last := ""
	for i := range 1000 {
		s.say("red", fmt.Sprint("live", i)) // lost
		s.Save("pid", me)
		s.say("red", fmt.Sprint("missed", i))
		s.pass(100 * time.Second)
		back, ok := s.Take("pid")
		if again, twice := s.Take("pid"); twice {
			t.Fatalf("the session was given out twice: %v", again)
		}
		want := fmt.Sprintf("live%d missed%d", i, i)
		if missed, err := s.replay(back, last); !ok || missed != want || err != nil {
			t.Fatalf("time %d: session %v, missed %q, %v", i, ok, missed, err)
		}
		if i%3 > 0 { // else the client has got nothing of it, and the next time is as the first
			last = fmt.Sprint("missed", i)
		} else if missed, err := s.replay(back, last); missed != want || err != nil {
			t.Fatalf("time %d: a replay that was lost is followed by %q, %v", i, missed, err)
		} else {
			last = fmt.Sprint("missed", i)
		}
		s.pass(time.Duration(i%200) * time.Second)
		me = back
	}
	if n := len(me.History.open) + len(me.History.left); n != 1 {
		t.Errorf("the history has grown to %d rooms", n)
	}
}

func TestALostReplayIsRepeated(t *testing.T) {
	s := newScene(t)
	me := s.connect("me", "red")
	s.Save("pid", me)
	s.say("red", "a b c")
	for range 3 { // it comes back at once and breaks at once, and still has nothing
		s.pass(10 * time.Second)
		back, _ := s.Take("pid")
		if missed, err := s.replay(back, ""); missed != "a b c" || err != nil {
			t.Fatalf("missed %q, %v", missed, err)
		}
		s.Save("pid", back)
	}
	back, _ := s.Take("pid") // gone before anything was sent: that proves nothing either
	s.Save("pid", back)
	s.pass(100 * time.Second)
	back, _ = s.Take("pid")
	if missed, err := s.replay(back, "b"); missed != "c" || err != nil {
		t.Fatalf("missed %q, %v", missed, err)
	}
}

func TestASessionThatWaitsTwiceProvesNothing(t *testing.T) {
	s := newScene(t)
	me := s.connect("me", "red")
	s.Save("pid", me)
	s.say("red", "a")
	s.pass(90 * time.Second) // longer than a connection needs to deliver; but there is none
	back, _ := s.Take("pid")
	s.recover(back, 10*time.Second, "", "a")
}

func TestAPanicOfPublishCostsOneMessage(t *testing.T) {
	s := newScene(t)
	me := s.connect("me")
	s.say("", "a")
	func() {
		defer func() { _ = recover() }()
		s.Record(Aim{Everyone: true}, 1, func(Position, Offset) string { panic("overboard") })
	}()
	s.say("", "b")
	s.recover(me, time.Second, "", "a b")
	if s.offsets["b"] != "BCDEFG~AAAAAAAAD" {
		t.Errorf("b has the offset %q, want the third: the second may have been sent to some", s.offsets["b"])
	}
}
