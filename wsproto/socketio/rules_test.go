package socketio

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestEveryRuleHasARow wants each exported Err value to be expected by some test.
func TestEveryRuleHasARow(t *testing.T) {
	declared, tests := readPackage(t)
	if len(declared) == 0 {
		t.Fatal("no Err values found")
	}
	for _, name := range declared {
		if name == "ErrInvalidPayload" {
			continue // the family; TestErrorTexts asks each of its members
		}
		if !bytes.Contains(tests, []byte(", "+name+"}")) {
			t.Errorf("%s is expected by no table row", name)
		}
	}
}

// readPackage returns the names of the package's Err variables and the text of its tests.
func readPackage(t *testing.T) (declared []string, tests []byte) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, source...)
			continue
		}
		declared = append(declared, errNames(t, source)...)
	}
	return declared, tests
}

func errNames(t *testing.T, source []byte) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Err") {
			names = append(names, spec.Names[0].Name)
		}
		_, inFunc := n.(*ast.FuncDecl)
		return !inFunc
	})
	return names
}
