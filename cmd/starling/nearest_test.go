package main

import (
	"math/rand/v2"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"loops", "ping-interval", "ping-timeout", "path"}
	for _, tc := range []struct{ typed, want string }{
		{"loops", "loops"},
		{"lops", "loops"},
		{"lopos", "loops"},
		{"ping_interval", "ping-interval"},
		{"pingtimeout", "ping-timeout"},
		{"ping-time", "ping-timeout"},
		{"ping", ""},
		{"x", ""},
		{"", ""},
	} {
		if got := nearest(tc.typed, names); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.typed, got, tc.want)
		}
	}
}

// slowDistance is distance by its definition.
func slowDistance(a, b string) int {
	switch {
	case a == "":
		return len(b)
	case b == "":
		return len(a)
	}
	changed := 1
	if a[0] == b[0] {
		changed = 0
	}
	d := min(slowDistance(a[1:], b)+1, slowDistance(a, b[1:])+1, slowDistance(a[1:], b[1:])+changed)
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		d = min(d, slowDistance(a[2:], b[2:])+1)
	}
	return d
}

func TestDistance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		letters := make([]byte, random.IntN(7))
		for i := range letters {
			letters[i] = 'a' + byte(random.IntN(3))
		}
		return string(letters)
	}
	for range 2000 {
		a, b := word(), word()
		if got, want := distance(a, b), slowDistance(a, b); got != want {
			t.Fatalf("from %q to %q: got %d, want %d", a, b, got, want)
		}
	}
}
