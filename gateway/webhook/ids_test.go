package webhook

import (
	"bytes"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestIDs(t *testing.T) {
	var i ids
	i.init()
	now := time.Date(2026, 9, 14, 12, 26, 40, 123e6, time.UTC)
	first, second := i.next(now), i.next(now)
	if got := first.String()[:10]; got != "01M2FY4G3V" { // 1,789,388,800,123 in Crockford's base 32
		t.Errorf("begins with %s", got)
	}
	if bytes.Compare(first[:], second[:]) >= 0 {
		t.Errorf("%v before %v", first, second)
	}
}

func TestIDsOfStrangeTimes(t *testing.T) {
	var i ids
	i.init()
	for _, now := range []time.Time{{}, time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if a, b := i.next(now), i.next(now); a == b || a.Time() != ulid.MaxTime() {
			t.Errorf("at %v: %v and %v", now, a, b)
		}
	}
}

// TestIDsThatRunOut are those behind the largest random number of a millisecond.
func TestIDsThatRunOut(t *testing.T) {
	i := ids{entropy: ulid.Monotonic(bytes.NewReader(bytes.Repeat([]byte{0xFF}, 1000)), 0)}
	now := time.Date(2026, 9, 14, 12, 26, 40, 0, time.UTC)
	largest := i.next(now)
	if next := i.next(now); next == largest || next.Time() != largest.Time() {
		t.Errorf("%v behind %v", next, largest)
	}
}
