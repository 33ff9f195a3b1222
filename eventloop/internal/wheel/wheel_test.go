package wheel

import (
	"math/rand/v2"
	"testing"
)

// expire is an Expirer made of a function.
type expire func(t *Timer)

func (f expire) Expired(t *Timer) { f(t) }

func TestDueInItsTick(t *testing.T) {
	for _, ticks := range []int64{1, 2, 511, 512, 513, 1024, 5000} {
		w := New()
		fired := int64(-1)
		var timer Timer
		w.Schedule(&timer, ticks, expire(func(*Timer) { fired = w.now }))
		w.Advance(ticks - 1)
		if fired != -1 || !timer.Set() {
			t.Fatalf("a timer of %d ticks fired at %d", ticks, fired)
		}
		w.Advance(ticks + 3)
		if fired != ticks || timer.Set() {
			t.Fatalf("a timer of %d ticks fired at %d", ticks, fired)
		}
	}
}

func TestRescheduleMoves(t *testing.T) {
	w := New()
	var timer Timer
	count := 0
	count1 := expire(func(*Timer) { count++ })
	w.Schedule(&timer, 5, count1)
	w.Schedule(&timer, 10, count1)
	w.Advance(9)
	if count != 0 {
		t.Fatal("the old deadline fired")
	}
	w.Advance(20)
	if count != 1 {
		t.Fatalf("fired %d times, want once", count)
	}
}

func TestOwnerMayCancelAndScheduleFromWithin(t *testing.T) {
	w := New()
	var a, b, c Timer
	var log []string
	w.Schedule(&a, 3, expire(func(*Timer) {
		log = append(log, "a")
		w.Cancel(&b)                                                          // due in this very tick
		w.Schedule(&c, 1, expire(func(*Timer) { log = append(log, "c") }))    // the next tick
		w.Schedule(&a, 512, expire(func(*Timer) { log = append(log, "a2") })) // this slot again, a turn later
	}))
	w.Schedule(&b, 3, expire(func(*Timer) { log = append(log, "b") }))
	w.Advance(3)
	w.Advance(4)
	w.Advance(514)
	if len(log) != 2 {
		t.Fatalf("fired %v, want a and c", log)
	}
	w.Advance(515)
	if len(log) != 3 || log[0] != "a" || log[1] != "c" || log[2] != "a2" {
		t.Fatalf("fired %v, want [a c a2]", log)
	}
}

func TestAPanickingOwnerCostsNoOtherTimer(t *testing.T) {
	w := New()
	var first, second, third Timer
	count := 0
	w.Schedule(&first, 2, expire(func(*Timer) { count++ }))
	w.Schedule(&second, 2, expire(func(*Timer) { panic("boom") }))
	w.Schedule(&third, 2, expire(func(*Timer) { count++ }))
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("the panic did not pass through")
			}
		}()
		w.Advance(2)
	}()
	if count != 1 || second.Set() || !third.Set() {
		t.Fatalf("fired %d, second set %v, third set %v; want 1, unset, waiting", count, second.Set(), third.Set())
	}
	w.Advance(3)
	if count != 2 || third.Set() {
		t.Fatalf("fired %d in all, want the third one tick late", count)
	}
}

// slowWheel is the obvious twin: a map from timer to deadline, searched at each tick.
type slowWheel struct {
	now int64
	at  map[*Timer]int64
}

func (s *slowWheel) advance(fire func(*Timer)) {
	s.now++
	for timer, at := range s.at {
		if at == s.now {
			delete(s.at, timer)
			fire(timer)
		}
	}
}

func TestAgainstTheObviousTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w, slow := New(), &slowWheel{at: map[*Timer]int64{}}
	timers := make([]Timer, 200)
	for range 5_000 {
		for range r.IntN(5) {
			timer := &timers[r.IntN(len(timers))]
			if r.IntN(3) == 0 {
				w.Cancel(timer)
				delete(slow.at, timer)
				continue
			}
			ticks := 1 + r.Int64N(1500)
			slow.at[timer] = slow.now + ticks
			w.Schedule(timer, ticks, fired)
		}
		got, want := map[*Timer]bool{}, map[*Timer]bool{}
		firedInto = got
		w.Advance(w.now + 1)
		slow.advance(func(timer *Timer) { want[timer] = true })
		if len(got) != len(want) {
			t.Fatalf("tick %d: fired %d timers, want %d", w.now, len(got), len(want))
		}
		for timer := range want {
			if !got[timer] {
				t.Fatalf("tick %d: a due timer did not fire", w.now)
			}
		}
	}
}

var (
	firedInto map[*Timer]bool
	fired     = expire(func(t *Timer) { firedInto[t] = true })
)
