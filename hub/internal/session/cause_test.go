package session

import "testing"

// TestCauses: each has a word of its own, and what was refused because of it can come later if it is one of the last group.
func TestCauses(t *testing.T) {
	seen := map[string]Cause{"unknown": 0}
	for c := Malformed; int(c) < CausesCount; c++ {
		if other, taken := seen[c.String()]; taken || c.String() == "" {
			t.Errorf("%q is the word of %d and of %d", c, c, other)
		}
		seen[c.String()] = c
		if f := busyFaults[c]; (f != nil) != (c >= Draining) || f != nil && (f.cause != c || !comesLater(f)) {
			t.Errorf("%s is answered with %+v", c, f)
		}
	}
	for _, c := range []Cause{0, causesEnd, 255} {
		if c.String() != "unknown" {
			t.Errorf("%d is %q", c, c)
		}
	}
}
