package invariants_test

import (
	"testing"

	"starling/internal/invariants"
)

func TestAssertReturnsWhenTrue(t *testing.T) {
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("a true assertion panicked with %v", r)
		}
	}()
	invariants.Assert(true, "%d is not %d", 1, 1)
}
