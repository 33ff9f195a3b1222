package msgpack

import (
	"bytes"
	"testing"

	"starling/internal/starlingtest"
)

// TestEveryRuleHasARow wants each exported Err value to be expected by some test.
func TestEveryRuleHasARow(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) == 0 {
		t.Fatal("no Err values found")
	}
	for _, name := range declared {
		if !bytes.Contains(tests, []byte(", "+name+"}")) {
			t.Errorf("%s is expected by no table row", name)
		}
	}
}
