package hub

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestDeparture disconnects the clients of a loop evenly, on a clock that the test turns.
func TestDeparture(t *testing.T) {
	for _, row := range []struct {
		name     string
		sessions int
		within   time.Duration
		every    time.Duration
		left     []int // after each such time
	}{
		{"many", 200, 10 * time.Second, time.Second, []int{180, 160, 140, 120, 100, 80, 60, 40, 20, 0}},
		{"few", 5, 10 * time.Second, time.Second, []int{4, 4, 3, 3, 2, 2, 1, 1, 0}},
		{"one", 1, 10 * time.Second, 100 * time.Millisecond, []int{0}},
		{"more than steps", 100, time.Second, 100 * time.Millisecond, []int{90, 80, 70, 60, 50, 40, 30, 20, 10, 0}},
		{"within less than a step", 10, time.Nanosecond, 100 * time.Millisecond, []int{0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := simulate(t, Options{}, nil)
			for range row.sessions {
				s.dial("")
			}
			s.sim.Advance(30 * time.Millisecond) // the loops' time does not begin with a step
			over := 0
			s.sim.Loop().Post(&departure{table: s.shard().table, left: s.leftOf(row.within), done: func() { over++ }})
			s.sim.Run()
			if n := s.shard().table.Len(); n != row.sessions {
				t.Errorf("%d sessions at the beginning", n)
			}
			var left []int
			for range row.left {
				if over > 0 {
					t.Errorf("it is over with %v left", left)
				}
				s.sim.Advance(row.every)
				left = append(left, s.shard().table.Len())
			}
			if fmt.Sprint(left) != fmt.Sprint(row.left) || over != 1 {
				t.Errorf("left are %v, want %v; told %d times of the end", left, row.left, over)
			}
			s.sim.Advance(time.Minute)
			if over != 1 {
				t.Errorf("told %d times of the end", over)
			}
		})
	}
}

// TestDepartureOfOthers: who leaves by himself is one who need not be disconnected.
func TestDepartureOfOthers(t *testing.T) {
	s := simulate(t, Options{}, nil)
	var peers []*simPeer
	for range 100 {
		peers = append(peers, s.dial(""))
	}
	over := false
	s.sim.Loop().Post(&departure{table: s.shard().table, left: s.leftOf(10 * time.Second), done: func() { over = true }})
	s.sim.Run()
	for _, p := range peers[:50] {
		p.Hangup(nil)
	}
	for _, left := range []int{50, 50, 50, 50, 50, 40, 30, 20, 10} {
		s.sim.Advance(time.Second)
		if n := s.shard().table.Len(); n != left {
			t.Fatalf("%d are left, want %d", n, left)
		}
	}
	for _, p := range peers[50:] {
		p.Hangup(nil)
	}
	s.sim.Advance(100 * time.Millisecond)
	if !over {
		t.Error("it waits for nobody")
	}
}

// leftOf counts a time down on the loop's clock.
func (s *simulation) leftOf(within time.Duration) func() time.Duration {
	end := s.sim.Loop().Now() + within
	return func() time.Duration { return end - s.sim.Loop().Now() }
}

// TestDepartureHastened spreads those who are left over the time that is left.
func TestDepartureHastened(t *testing.T) {
	s := simulate(t, Options{}, nil)
	for range 120 {
		s.dial("")
	}
	left, over := s.leftOf(12*time.Second), false
	s.sim.Loop().Post(&departure{table: s.shard().table, left: func() time.Duration { return left() }, done: func() { over = true }})
	s.sim.Run()
	for i, want := range []int{110, 100, 75, 50, 25, 0} {
		if i == 2 {
			left = s.leftOf(4 * time.Second)
		}
		s.sim.Advance(time.Second)
		if n := s.shard().table.Len(); n < want-3 || n > want+3 { // a step of the clock
			t.Errorf("%d are left after %d s, want %d", n, i+1, want)
		}
	}
	s.sim.Advance(100 * time.Millisecond)
	if !over {
		t.Error("it is not over")
	}
}

// TestDrainTime is what is left of the time that is wanted when a shutdown has a deadline.
func TestDrainTime(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		name          string
		wanted, after time.Duration
		left          time.Duration // 0: there is no deadline
		want          time.Duration
	}{
		{"no deadline", time.Minute, 10 * time.Second, 0, time.Minute},
		{"time for both", time.Minute, 10 * time.Second, 70 * time.Second, time.Minute},
		{"more than enough", time.Minute, 10 * time.Second, time.Hour, time.Minute},
		{"shorter", time.Minute, 10 * time.Second, 40 * time.Second, 30 * time.Second},
		{"shorter than what comes after", time.Minute, 10 * time.Second, 4 * time.Second, 2 * time.Second},
		{"over already", time.Minute, 10 * time.Second, -time.Second, -time.Second / 2},
		{"none", 0, 10 * time.Second, time.Hour, 0},
	} {
		ctx := context.Background()
		if row.left != 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, now.Add(row.left))
			defer cancel()
		}
		if got := drainTime(ctx, row.wanted, row.after, now); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}
