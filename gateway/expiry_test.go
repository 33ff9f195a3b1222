package gateway

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// clock is a clock that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// TestExpiries sets, moves and takes back expiries at random, and holds what comes due against a plain list.
func TestExpiries(t *testing.T) {
	begin := time.Unix(1_800_000_000, 0)
	c := &clock{now: begin}
	x := newExpiries(c.Now, func(int) {})
	r := rand.New(rand.NewPCG(1, 2))
	all, slow := make([]expiring[int], 200), make(map[int]time.Duration)
	ended := 0
	for step := range 20_000 {
		i := r.IntN(len(all))
		switch r.IntN(10) {
		case 0, 1, 2, 3, 4, 5:
			slow[i] = c.Now().Sub(begin) + time.Duration(r.IntN(2000)-100)*time.Millisecond
			x.set(&all[i], begin.Add(slow[i]))
		case 6, 7:
			delete(slow, i)
			x.set(&all[i], time.Time{})
		default:
			c.set(c.Now().Add(time.Duration(r.IntN(100)) * time.Millisecond))
			due, next := x.due()
			var want []*expiring[int]
			first := time.Duration(-1)
			for i, at := range slow {
				switch {
				case at <= c.Now().Sub(begin):
					want = append(want, &all[i])
					delete(slow, i)
				case first < 0 || at < first:
					first = at
				}
			}
			if len(due) != len(want) || slices.ContainsFunc(due, func(e *expiring[int]) bool { return !slices.Contains(want, e) }) {
				t.Fatalf("step %d: %d are due, want %d", step, len(due), len(want))
			}
			ended += len(want)
			if until := first - c.Now().Sub(begin); first >= 0 && next != min(until, expiryLook) || first < 0 && next != expiryLook {
				t.Fatalf("step %d: looks again after %v; the next is due in %v", step, next, until)
			}
		}
		if len(x.queue) != len(slow) {
			t.Fatalf("step %d: %d wait, want %d", step, len(x.queue), len(slow))
		}
	}
	if ended < 1000 {
		t.Errorf("only %d came due: the test tests nothing", ended)
	}
}

// TestExpiriesRun: one that is set while the others sleep is not slept through.
func TestExpiriesRun(t *testing.T) {
	ended := make(chan string, 2)
	x := newExpiries(time.Now, func(who string) { ended <- who })
	done := make(chan struct{})
	go func() { defer close(done); x.run(t.Context()) }()
	late, early := expiring[string]{who: "late"}, expiring[string]{who: "early"}
	x.set(&late, time.Now().Add(time.Hour))
	x.set(&early, time.Now().Add(10*time.Millisecond))
	if who := <-ended; who != "early" {
		t.Errorf("the %s one was ended", who)
	}
}
