//go:build !invariants && !race

package invariants_test

import (
	"testing"

	"starling/internal/invariants"
)

func TestDisabledInAnOrdinaryBuild(t *testing.T) {
	if invariants.Enabled {
		t.Fatal("Enabled is true in a build with neither the tag invariants nor the race detector")
	}
}

func TestMangleLeavesTheBytesAlone(t *testing.T) {
	b := []byte("sparse")
	invariants.Mangle(b)
	if string(b) != "sparse" {
		t.Errorf("Mangle changed the bytes to %q in a build without invariants", b)
	}
}

func TestAssertIsFreeEvenWhenFalse(t *testing.T) {
	n := 0
	allocs := testing.AllocsPerRun(100, func() {
		n++
		invariants.Assert(n < 0, "run %d of %s", n, "a loop")
	})
	if allocs != 0 {
		t.Errorf("a disabled Assert allocates %v times, want 0", allocs)
	}
}
