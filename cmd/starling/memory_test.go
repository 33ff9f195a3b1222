package main

import (
	"slices"
	"testing"
)

// TestSettling looks at one number of connections after the other, and asks each time whether a collection is due.
func TestSettling(t *testing.T) {
	type look struct {
		n   int
		due bool
	}
	for _, tc := range []struct {
		name  string
		looks []look
	}{
		{"nobody comes", []look{{0, false}, {0, false}}},
		{"a flood, once it has come to rest", []look{{10_000, false}, {10_000, true}, {10_000, false}}},
		{"a flood that dies down", []look{{5_000, false}, {8_000, false}, {9_500, true}, {9_500, false}}},
		{"a flood that leaves", []look{{10_000, false}, {10_000, true}, {0, false}, {0, true}, {0, false}}},
		{"a steady climb", []look{{400, false}, {800, false}, {1_200, false}, {1_600, true}, {1_700, false}}},
		{"hardly enough of them", []look{{499, false}, {499, false}, {500, true}}},
		{"hardly enough of them left", []look{{1_000, false}, {1_000, true}, {501, false}, {501, false}, {500, true}}},
		{"hardly enough of a part", []look{{10_000, false}, {10_000, true}, {7_501, false}, {7_501, false}, {7_500, true}}},
		{"hardly enough of a part more", []look{{6_000, false}, {6_000, true}, {7_999, false}, {7_999, false}, {8_000, true}}},
		{"there and back between two looks", []look{{10_000, false}, {10_000, true}, {2_000, false}, {10_000, false}, {10_000, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s settling
			var got []look
			for _, l := range tc.looks {
				got = append(got, look{l.n, s.observe(l.n)})
			}
			if !slices.Equal(got, tc.looks) {
				t.Errorf("got %v, want %v", got, tc.looks)
			}
		})
	}
}
