package webhook

import (
	"testing"
	"time"
)

// breakerUnderTest is a breaker with a clock that is moved by hand and pauses without jitter: 1, 2, 4, 4… seconds.
func breakerUnderTest() (b *breaker, pass func(time.Duration)) {
	now := time.Date(2026, 9, 14, 12, 0, 0, 0, time.UTC)
	b = &breaker{}
	b.init(&Config{FailuresMax: 3, PauseMin: time.Second, PauseMax: 4 * time.Second})
	b.now = func() time.Time { return now }
	b.pauses.RandomizationFactor = 0
	return b, func(d time.Duration) { now = now.Add(d) }
}

// TestBreaker writes plays down as letters: + a call that reaches the backend, - one that does not, 0 one whose caller goes
// away, x one that fails at once, and a digit lets so many tenths of a second pass.
func TestBreaker(t *testing.T) {
	for _, tc := range []struct {
		name, play string
		open       bool
		pauses     int64
	}{
		{"nothing has happened", "", false, 0},
		{"failures that are not enough", "--", false, 0},
		{"failures in a row", "---x", true, 1},
		{"failures that are no row", "--+--+--+", false, 0},
		{"callers that go away say nothing", "--0-x", true, 1},
		{"a pause", "---9xx1+", false, 1},
		{"a failure after the pause is enough for the next, which is longer", "---91-91x9x", true, 2},
		{"and for the one after it", "---91-992-992x99x", true, 3},
		{"none is longer than the longest", "---91-992-9999499994-9999x4+", false, 4},
		{"a success brings all back to the beginning", "---91+--+---91+", false, 2},
		{"also the length of pauses", "---91-992+---x9x1+", false, 3},
		{"whoever tries and goes away leaves it to the next", "---910-91x91+", false, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, pass := breakerUnderTest()
			for i, step := range tc.play {
				if step >= '1' && step <= '9' {
					pass(time.Duration(step-'0') * 100 * time.Millisecond)
					continue
				}
				turn, ok := b.enter()
				if ok != (step != 'x') {
					t.Fatalf("step %d: a call may be made: %v", i, ok)
				}
				if ok {
					b.leave(turn, map[rune]verdict{'+': alive, '-': dead, '0': nothing}[step])
				}
			}
			if open, pauses := b.state(); open != tc.open || pauses != tc.pauses {
				t.Errorf("open %v after %d pauses, want %v and %d", open, pauses, tc.open, tc.pauses)
			}
		})
	}
}

// TestOneCallTries while the others still fail at once.
func TestOneCallTries(t *testing.T) {
	b, pass := breakerUnderTest()
	fail(t, b, 3)
	pass(time.Second)
	first, ok := b.enter()
	if !ok {
		t.Fatal("nobody may try")
	}
	if _, ok := b.enter(); ok {
		t.Error("two try")
	}
	if ch := b.leave(first, alive); !ch.closed {
		t.Errorf("its success changes %+v", ch)
	}
	for range 10 {
		if _, ok := b.enter(); !ok {
			t.Fatal("not closed")
		}
	}
}

// TestLateFailures are those of calls that began before a pause, of which there may be InFlightMax. They neither make it
// longer nor count for the next.
func TestLateFailures(t *testing.T) {
	b, pass := breakerUnderTest()
	var late []turn
	for range 10 {
		turn, _ := b.enter()
		late = append(late, turn)
	}
	fail(t, b, 3)
	for _, turn := range late[:5] {
		if ch := b.leave(turn, dead); ch != (change{}) {
			t.Errorf("a late failure changes %+v", ch)
		}
	}
	b.leave(late[5], alive)
	if open, pauses := b.state(); !open || pauses != 1 {
		t.Errorf("open %v after %d pauses", open, pauses)
	}
	pass(time.Second)
	turn, _ := b.enter()
	b.leave(turn, alive)
	for _, turn := range late[6:] {
		b.leave(turn, dead)
	}
	if open, _ := b.state(); open {
		t.Error("late failures have opened it again")
	}
}

func fail(t *testing.T, b *breaker, times int) {
	t.Helper()
	for range times {
		turn, ok := b.enter()
		if !ok {
			t.Fatal("open already")
		}
		b.leave(turn, dead)
	}
}
