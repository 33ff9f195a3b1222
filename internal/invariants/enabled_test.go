//go:build invariants || race

package invariants_test

import (
	"testing"

	"starling/internal/invariants"
)

func TestEnabledUnderTheTagAndUnderRace(t *testing.T) {
	if !invariants.Enabled {
		t.Fatal("Enabled is false in a build with the tag invariants or the race detector")
	}
}

func TestAssertPanicsWithTheMessage(t *testing.T) {
	defer func() {
		const want = "invariant violated: 3 opens, 2 closes"
		if got := recover(); got != want {
			t.Errorf("panicked with %#v, want %#v", got, want)
		}
	}()
	invariants.Assert(false, "%d opens, %d closes", 3, 2)
	t.Error("Assert returned although its condition is false")
}

func TestMangleOverwritesTheSliceAndNothingElse(t *testing.T) {
	for name, tc := range map[string]struct{ from, to int }{
		"all of it":          {0, 6},
		"only what is given": {1, 4},
		"an empty slice":     {3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := []byte("sparse")
			invariants.Mangle(b[tc.from:tc.to])
			for i, original := range []byte("sparse") {
				want := original
				if tc.from <= i && i < tc.to {
					want = 0xCC
				}
				if b[i] != want {
					t.Errorf("byte %d is %#x, want %#x", i, b[i], want)
				}
			}
		})
	}
	invariants.Mangle(nil)
}
