package gateway

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	type step struct {
		at   time.Duration
		n    int
		want bool
	}
	for _, tc := range []struct {
		name         string
		count, burst int
		steps        []step
	}{
		{"no bound", 0, 0, []step{{0, 1000000, true}, {0, 1000000, true}}},
		{"a burst, then the rate", 10, 3, []step{
			{0, 1, true},
			{0, 1, true},
			{0, 1, true},
			{0, 1, false},
			{99 * time.Millisecond, 1, false},
			{100 * time.Millisecond, 1, true},
			{100 * time.Millisecond, 1, false},
			{time.Hour, 1, true},
			{time.Hour, 2, true},
			{time.Hour, 1, false},
		}},
		{"refusals cost nothing", 1, 1, []step{{0, 1, true}, {1, 1, false}, {2, 1, false}, {time.Second, 1, true}}},
		{"more than a burst, once in a quiet time", 100, 10, []step{
			{0, 50, true}, {0, 1, false}, {409 * time.Millisecond, 1, false}, {410 * time.Millisecond, 1, true},
		}},
		{"after a piece, what is left of the burst", 100, 10, []step{{0, 1, true}, {0, 10, false}, {0, 9, true}, {0, 1, false}}},
		{"far more in a second than nanoseconds", 2e9, 5, []step{{0, 5, true}, {0, 1, false}, {1, 1, true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m meter
			r := newRate(tc.count, tc.burst)
			for i, s := range tc.steps {
				if got := m.allow(r, s.n, int64(time.Hour+s.at)); got != s.want {
					t.Fatalf("step %d, %d at %v: %v, want %v", i, s.n, s.at, got, s.want)
				}
			}
		})
	}
}
