package session

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestTrip: a time comes back as it was, to within a thousandth and less than a microsecond.
func TestTrip(t *testing.T) {
	for _, row := range []struct{ took, want time.Duration }{
		{-time.Second, time.Microsecond}, // no clock of ours goes backwards
		{0, time.Microsecond},
		{999 * time.Nanosecond, time.Microsecond},
		{1999 * time.Nanosecond, time.Microsecond},
		{2047 * time.Microsecond, 2047 * time.Microsecond},
		{2049 * time.Microsecond, 2048 * time.Microsecond},
		{time.Second, 512 * 1953 * time.Microsecond},
		{math.MaxInt64, 2047 << 31 * time.Microsecond},
	} {
		if got := tripOf(row.took).duration(); got != row.want {
			t.Errorf("%v is kept as %v, want %v", row.took, got, row.want)
		}
	}
	for range 10_000 {
		took := time.Duration(1000 + rand.Int64N(int64(60*time.Hour)>>rand.IntN(36)))
		if got := tripOf(took).duration(); got > took || took-got > took/1000+time.Microsecond {
			t.Fatalf("%v is kept as %v", took, got)
		}
	}
	if trip(0).duration() != 0 {
		t.Error("none yet is not 0")
	}
}
