package starlingtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Rules returns the names of the Err variables that the package under test declares, and the text of its tests, for a test
// that wants each rule to be expected somewhere.
func Rules(t testing.TB) (declared []string, tests []byte) {
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

func errNames(t testing.TB, source []byte) (names []string) {
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

// TestSources is the text of all tests of the package under test but those in one file, as a rule the one that asks.
func TestSources(t testing.TB, but string) (all []byte) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_test.go") || entry.Name() == but {
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

// Declared returns the variables and constants of a file whose names have one of the prefixes, with their texts where they are plain
// strings.
func Declared(t testing.TB, name string, prefixes ...string) map[string]string {
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
		for _, prefix := range prefixes {
			if id := spec.Names[0].Name; strings.HasPrefix(id, prefix) {
				names[id] = ""
				if text, ok := spec.Values[0].(*ast.BasicLit); ok {
					names[id], _ = strconv.Unquote(text.Value)
				}
			}
		}
		return true
	})
	return names
}
