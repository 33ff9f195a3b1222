package eventloop

import (
	"bytes"
	"testing"

	"starling/internal/starlingtest"
)

func TestEveryErrorIsExpected(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) < 8 {
		t.Fatalf("only %d errors were found", len(declared))
	}
	for _, name := range declared {
		if !bytes.Contains(tests, []byte(name)) {
			t.Errorf("%s is expected by no test", name)
		}
	}
}
