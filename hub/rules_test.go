package hub

import (
	"bytes"
	"testing"

	"starling/internal/starlingtest"
)

// TestEveryErrorAndReasonIsExpected wants each exported Err value, each Reason and each Cause to be expected by some test. The
// latter may be expected by their words.
func TestEveryErrorAndReasonIsExpected(t *testing.T) {
	tests := starlingtest.TestSources(t, "rules_test.go")
	found := 0
	for _, file := range []string{"errors.go", "reason.go", "cause.go"} {
		for name, value := range starlingtest.Declared(t, file, "Err", "Reason", "Cause") {
			found++
			asName := bytes.Contains(tests, []byte(name+")")) || bytes.Contains(tests, []byte(name+"}"))
			if !asName && (value == "" || !bytes.Contains(tests, []byte(value))) {
				t.Errorf("%s is expected by no test", name)
			}
		}
	}
	if found < 42 {
		t.Fatalf("only %d errors and reasons were found", found)
	}
}
