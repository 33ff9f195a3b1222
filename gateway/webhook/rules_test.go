package webhook

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryErrorIsExpected wants each exported Err value, and each outcome, to be expected by some test.
func TestEveryErrorIsExpected(t *testing.T) {
	names, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, source...)
	}
	found := 0
	for _, name := range []string{"errors.go", "webhook.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "Err") && !strings.HasPrefix(spec.Names[0].Name, "Outcome") {
				return true
			}
			found++
			if !bytes.Contains(tests, []byte(spec.Names[0].Name)) {
				t.Errorf("%s is expected by no test", spec.Names[0].Name)
			}
			return true
		})
	}
	if found != 24 {
		t.Fatalf("%d errors and outcomes were found", found)
	}
}

// TestCallsOfStats: each pair of a kind and an outcome once, and only those that can be.
func TestCallsOfStats(t *testing.T) {
	c := dial(t, Config{URL: aURL})
	pairs := map[string]bool{}
	for _, n := range c.Stats().Calls {
		pairs[n.Kind+" "+n.Outcome] = true
		if n.Count != 0 {
			t.Errorf("%+v", n)
		}
	}
	if len(pairs) != 3*10+5 || len(c.Stats().Calls) != len(pairs) {
		t.Errorf("%d pairs: %v", len(pairs), pairs)
	}
	for _, pair := range []string{"connect refused", "join busy", "event canceled", "batch closed"} {
		if !pairs[pair] {
			t.Errorf("no %s", pair)
		}
	}
	for _, pair := range []string{"batch refused", "batch busy", "batch reply"} {
		if pairs[pair] {
			t.Errorf("%s, which cannot be", pair)
		}
	}
}
