package recovery

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestBytesAreBounded floods a journal in several ways; checkJournal, which adds everything up, has the bounds.
func TestBytesAreBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, row := range []struct {
		name string
		aim  func(i int) Aim
	}{
		{"one room", func(int) Aim { return Aim{Rooms: []string{"red"}} }},
		{"everyone", func(int) Aim { return Aim{Everyone: true, Except: []string{"somebody"}} }},
		{"ever new rooms", func(i int) Aim { return Aim{Rooms: []string{fmt.Sprint("room", i)}} }},
		{"two new rooms each", func(i int) Aim { return Aim{Rooms: []string{fmt.Sprint("room", i), fmt.Sprint("hall", i)}} }},
		{"some of many rooms", func(int) Aim {
			var aim Aim
			for range 1 + r.IntN(5) {
				aim.Rooms = append(aim.Rooms, fmt.Sprint("room", r.IntN(200)))
			}
			return aim
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t, func(l *Limits) { l.RoomBytesMax, l.BytesMax = 5000, 50_000 })
			for i := range 5000 {
				s.send(row.aim(i), "", r.IntN(2000))
				if i%100 == 0 {
					s.Save(fmt.Sprint(i), s.connect(fmt.Sprint("id", i), "red", "blue"))
					s.now += 10 * time.Millisecond
					checkJournal(t, s.Journal)
				}
			}
			s.pass(4 * time.Minute)
			checkJournal(t, s.Journal)
			if stats := s.Stats(); stats != (Stats{}) {
				t.Errorf("when all is past its age there is still %+v", stats)
			}
		})
	}
}

func TestOneMessageOfARoomAlwaysFits(t *testing.T) {
	s := newScene(t, func(l *Limits) { l.RoomBytesMax = 1000 })
	me := s.connect("me", "red")
	s.say("red", "a b")
	s.send(Aim{Rooms: []string{"red"}}, "big", 5000)
	if missed, err := s.replay(me, "b"); missed != "big" || err != nil {
		t.Fatalf("missed %q, %v", missed, err)
	}
	s.say("red", "c")
	if n := s.Stats().Messages; n != 1 {
		t.Errorf("%d messages are kept, want the last alone: together with the big one it is too much", n)
	}
}

func TestAMessageInSeveralRoomsCountsOnce(t *testing.T) {
	s := newScene(t)
	s.send(Aim{Rooms: []string{"a", "b", "c", "b"}}, "x", 1_000_000)
	want := Stats{Messages: 1, Rooms: 3, Bytes: 1_000_000 + entryBytes + 2*placeBytes + 3*(logBytes+1)}
	if got := s.Stats(); got != want {
		t.Errorf("it counts %+v, want %+v", got, want)
	}
}

func TestAMarkLivesAsLongAsItIsNeeded(t *testing.T) {
	s := newScene(t, func(l *Limits) { l.BytesMax = 4000 })
	me := s.connect("me", "red")
	s.say("red", "a")
	s.send(Aim{Rooms: []string{"blue"}}, "x", 3500) // presses everything else out
	if stats := s.Stats(); stats.Rooms != 2 || stats.Messages != 1 {
		t.Fatalf("%+v, want a mark and a message", stats)
	}
	s.Save("pid", me)
	s.pass(119 * time.Second)
	back, _ := s.Take("pid")
	if missed, err := s.replay(back, ""); err != ErrDropped {
		t.Fatalf("missed %q, %v, want %v", missed, err, ErrDropped)
	}
	s.pass(time.Minute)
	s.say("red", "b") // the mark is in a log that is in use again
	s.pass(15 * time.Second)
	if stats := s.Stats(); stats.Rooms != 1 || stats.Messages != 1 {
		t.Fatalf("%+v, want the log that is in use", stats)
	}
	s.pass(200 * time.Second)
	if stats := s.Stats(); stats != (Stats{}) {
		t.Fatalf("%+v, want nothing", stats)
	}
}

func TestARoomThatIsPressedOutTwiceHasTwoMarks(t *testing.T) {
	s := newScene(t, func(l *Limits) { l.BytesMax = 4000 })
	me := s.connect("me", "red")
	pressOut := func() { s.send(Aim{Rooms: []string{"blue"}}, "x", 3500) }
	s.say("red", "a")
	pressOut()
	s.pass(150 * time.Second)
	s.say("red", "b")
	pressOut()
	s.pass(50 * time.Second) // the first mark is past its age
	s.Save("pid", me)
	me, _ = s.Take("pid")
	if missed, err := s.replay(me, "a"); err != ErrDropped {
		t.Fatalf("missed %q, %v, want %v", missed, err, ErrDropped)
	}
	s.pass(145 * time.Second)
	if stats := s.Stats(); stats != (Stats{}) {
		t.Fatalf("%+v, want nothing", stats)
	}
}

func TestWhatAgesIsClearedAwayWithoutExpire(t *testing.T) {
	s := newScene(t)
	for range 10_000 {
		s.now += 100 * time.Millisecond
		s.say("red", "a")
	}
	most := int((usualLimits.Retention() + 3*time.Second) / (100 * time.Millisecond))
	if n := s.Stats().Messages; n > most {
		t.Errorf("%d messages are kept, want at most %d", n, most)
	}
}

// TestMemoryIsLetGo looks at what the garbage collector sees.
func TestMemoryIsLetGo(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Limits)
		end    func(j *Journal[*[1000]byte], now *time.Duration)
		most   int // of 1,000 messages
	}{
		{"by age", nil, func(j *Journal[*[1000]byte], now *time.Duration) {
			for _, later := range []time.Duration{2 * time.Second, time.Hour} {
				*now += later
				j.Expire()
			}
		}, 0},
		{"by the room's bytes", func(l *Limits) { l.RoomBytesMax = 12_000 }, nil, 20},
		{"by all bytes", func(l *Limits) { l.BytesMax = 12_000 }, nil, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			limits, now := usualLimits, time.Duration(0)
			if row.change != nil {
				row.change(&limits)
			}
			j := New[*[1000]byte](limits, func() time.Duration { return now }, sixBytes())
			var mu sync.Mutex
			freed := 0
			const many = 1000
			for range many {
				j.Record(Aim{Rooms: []string{"a", "b"}}, 1000, func(Position, Offset) *[1000]byte {
					m := new([1000]byte)
					runtime.AddCleanup(m, func(int) { mu.Lock(); freed++; mu.Unlock() }, 0)
					return m
				})
			}
			if row.end != nil {
				row.end(j, &now)
			}
			enough := func() bool { mu.Lock(); defer mu.Unlock(); return freed >= many-row.most }
			for range 1000 { // cleanups run on a goroutine of their own, some time behind the collection
				if runtime.GC(); enough() {
					break
				}
				runtime.Gosched()
			}
			if !enough() {
				t.Errorf("%d of %d messages were let go, want all but %d", freed, many, row.most)
			}
			runtime.KeepAlive(j)
		})
	}
}

// TestManyGoroutines has everything at once, for the race detector, and holds what was published against the positions.
func TestManyGoroutines(t *testing.T) {
	var clock struct {
		sync.Mutex
		now time.Duration
	}
	limits := usualLimits
	limits.RoomBytesMax = limits.BytesMax
	j := New[Position](limits, func() time.Duration {
		clock.Lock()
		defer clock.Unlock()
		clock.now += time.Millisecond
		return clock.now
	}, sixBytes())
	const each = 2000
	var published []Position
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			room := fmt.Sprint("room", g%2)
			for range each {
				j.Record(Aim{Rooms: []string{room, "all"}}, 10, func(p Position, _ Offset) Position {
					published = append(published, p)
					return p
				})
			}
		})
		wg.Go(func() {
			saved := Saved{SocketID: fmt.Sprint("id", g), History: NewHistory(0)}
			saved.History.Joined("all", 0)
			pid := fmt.Sprint("pid", g)
			var got []Position
			for n := 0; n < each/4 || len(got) < 3*each; n++ {
				j.Save(pid, saved)
				saved, _ = j.Take(pid)
				last := ""
				if len(got) > 0 {
					last = j.epoch.offset(got[len(got)-1]).String()
				}
				if err := j.Replay(saved, last, func(missed []Position, _ Position) { got = append(got, missed...) }); err != nil {
					t.Error(err)
					return
				}
				if err := j.Arrived(pid); err != nil {
					t.Error(err)
				}
				j.Settled()
				j.Stats()
			}
			if !slices.IsSorted(got) || len(slices.Compact(got)) != len(got) {
				t.Error("replays have given something twice or in disorder")
			}
		})
	}
	wg.Go(func() {
		for range each {
			j.Expire()
		}
	})
	wg.Wait()
	if !slices.IsSorted(published) || len(published) != 4*each {
		t.Errorf("%d messages were published, in the order of positions: %v", len(published), slices.IsSorted(published))
	}
	checkJournal(t, j)
	if n := j.Stats().Transit; n != 0 {
		t.Errorf("%d sessions are in transit", n)
	}
}
