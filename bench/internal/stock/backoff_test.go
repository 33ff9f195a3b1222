package stock

import (
	"testing"
	"time"
)

// The delays of the stock client: 1 s doubled with each attempt, less or more by r/2 of it, as the first decimal of r is even or
// odd, and at most 5 s after that.
func TestDelays(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name   string
		random float64
		want   []time.Duration
	}{
		{"no deviation", 0, []time.Duration{1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms, 5000 * ms}},
		{"even: shorter", 0.8, []time.Duration{600 * ms, 1200 * ms, 2400 * ms, 4800 * ms, 5000 * ms, 5000 * ms}},
		{"odd: longer", 0.5, []time.Duration{1250 * ms, 2500 * ms, 5000 * ms, 5000 * ms, 5000 * ms, 5000 * ms}},
		{"the shortest", 0.8999, []time.Duration{551 * ms, 1101 * ms, 2201 * ms, 4401 * ms, 5000 * ms}},
		{"the longest", 0.9999, []time.Duration{1499 * ms, 2999 * ms, 5000 * ms, 5000 * ms}},
		{"whole milliseconds", 0.1234, []time.Duration{1061 * ms, 2123 * ms, 4246 * ms, 5000 * ms}},
	} {
		c := NewClient(0, &Options{Transport: Default, Delay: DelayDefault, DelayMax: DelayMaxDefault}, nil, func() float64 { return tc.random })
		for i, want := range tc.want {
			if got := c.delay(); got != want {
				t.Errorf("%s: attempt %d: %v, want %v", tc.name, i, got, want)
			}
		}
	}
	c := NewClient(0, &Options{Transport: Default, Delay: 10 * ms, DelayMax: 30 * ms}, nil, func() float64 { return 0.5 })
	for i, want := range []time.Duration{12 * ms, 25 * ms, 30 * ms} {
		if got := c.delay(); got != want {
			t.Errorf("10 ms to 30 ms: attempt %d: %v, want %v", i, got, want)
		}
	}
}
