package chaos

import (
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

func TestEachRuleIsExpectedByATest(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) < 10 {
		t.Fatalf("only %q found", declared)
	}
	for _, name := range declared {
		if !strings.Contains(string(tests), name) {
			t.Errorf("no test expects %s", name)
		}
	}
}

func TestKindsAreDescribed(t *testing.T) {
	seen := map[Kind]bool{}
	for _, d := range Kinds() {
		specs, err := parseAll(d.Example)
		if err != nil || len(specs) != 1 || specs[0].Kind != d.Kind {
			t.Errorf("example %q of %s: %v %v", d.Example, d.Kind, specs, err)
		}
		if d.Does == "" || d.Wanted == "" || seen[d.Kind] {
			t.Errorf("%+v", d)
		}
		seen[d.Kind] = true
	}
	Kinds()[0].Does = "" // the list is the caller's
	if Kinds()[0].Does == "" {
		t.Error("Kinds hands out its own list")
	}
}
