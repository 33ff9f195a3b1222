package guard

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestGoLimit(t *testing.T) {
	for _, tc := range []struct {
		name        string
		total       int64
		connections int
		want        int64
	}{
		{"no connections", 10_000_000, 0, 9_000_000},
		{"1,000 connections of 4,096 bytes", 10_000_000, 1_000, 5_313_600}, // 0.9 x 5,904,000
		{"more than fit", 10_000_000, 1_000_000, 5_000_000},
		{"8 GiB and 200,000", 8 << 30, 200_000, 6_993_661_131}, // 9 x ((8,589,934,592 - 819,200,000) / 10)
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := goLimit(tc.total, tc.connections); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestSetGoLimit(t *testing.T) {
	const gib = 1 << 30
	for _, tc := range []struct {
		name  string
		env   string
		was   int64
		total int64
		want  int64
		set   bool
	}{
		{"unset", "", math.MaxInt64, 100 * gib, goLimit(100*gib, 10), true},
		{"set by the environment", "90GiB", 90 * gib, 100 * gib, 90 * gib, false},
		{"switched off by the environment", "off", math.MaxInt64, 100 * gib, math.MaxInt64, false},
		{"set by the program", "", 80 * gib, 100 * gib, 80 * gib, false},
		{"no limit to derive it from", "", math.MaxInt64, 0, math.MaxInt64, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", tc.env)
			before := debug.SetMemoryLimit(tc.was)
			defer debug.SetMemoryLimit(before)
			limit, set := SetGoLimit(tc.total, 10)
			if inForce := debug.SetMemoryLimit(-1); limit != tc.want || set != tc.set || inForce != tc.want {
				t.Errorf("got %d, %v, and %d is in force; want %d, %v", limit, set, inForce, tc.want, tc.set)
			}
		})
	}
}
