package hub

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestEveryErrorAndReasonIsExpected wants each exported Err value, each Reason and each Cause to be expected by some test. The
// latter may be expected by their words.
func TestEveryErrorAndReasonIsExpected(t *testing.T) {
	tests := testSources(t)
	found := 0
	for _, file := range []string{"errors.go", "reason.go", "cause.go"} {
		for name, value := range declared(t, file) {
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

// testSources is the text of all other tests of the package.
func testSources(t *testing.T) (all []byte) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_test.go") || entry.Name() == "rules_test.go" {
			continue
		}
		source, err := os.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source...)
	}
	return all
}

// declared returns the Err variables and Reason constants of a file, with their words.
func declared(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		id := spec.Names[0].Name
		if strings.HasPrefix(id, "Err") || strings.HasPrefix(id, "Reason") || strings.HasPrefix(id, "Cause") {
			names[id] = ""
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				names[id] = strings.Trim(lit.Value, `"`)
			}
		}
		return true
	})
	return names
}
