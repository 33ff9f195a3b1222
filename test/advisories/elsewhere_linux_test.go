package advisories_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEachAdvisoryIsAnswered: each has an input here, or the names of tests that there are, or a reason; and none is there
// twice.
func TestEachAdvisoryIsAnswered(t *testing.T) {
	seen := map[string]bool{}
	folders := map[string]names{}
	for _, a := range advisories {
		if a.fault == "" || (len(a.rows)+len(a.elsewhere) > 0) == (a.reason != "") {
			t.Errorf("%s has %d inputs, %d tests elsewhere and the reason %q", a.id, len(a.rows), len(a.elsewhere), a.reason)
		}
		for id := range strings.SplitSeq(a.id, ", ") {
			if seen[id] {
				t.Errorf("%s is there twice", id)
			}
			seen[id] = true
		}
		for _, proof := range a.elsewhere {
			if !exists(t, folders, proof) {
				t.Errorf("%s: there is no %s", a.id, proof)
			}
		}
	}
}

// TestEachRowIsAnInput: a row has one kind of input, and what it has beside that means something for this kind.
func TestEachRowIsAnInput(t *testing.T) {
	for _, a := range advisories {
		seen := map[string]bool{}
		for _, r := range a.rows {
			inputs := 0
			for _, is := range []bool{r.messages != nil, r.frames != "", r.request != "", r.do != nil} {
				if is {
					inputs++
				}
			}
			said := r.messages != nil || r.frames != ""
			if inputs != 1 || (r.request != "") != (r.status != 0) || (r.code != 0 || r.unjoined) && !said || (r.do != nil) && r.over == nil {
				t.Errorf("%s, %s: %d inputs, status %d, code %d", a.id, r.name, inputs, r.status, r.code)
			}
			if key := r.name + string(r.on); r.name == "" || seen[key] {
				t.Errorf("%s has two rows of the name %q", a.id, r.name)
			} else {
				seen[key] = true
			}
		}
	}
}

// names are the tests of a package, and the strings in them, which names of rows are among.
type names struct{ tests, strings map[string]bool }

// exists looks for folder.TestName or folder.TestName/name of a row.
func exists(t *testing.T, folders map[string]names, proof string) bool {
	t.Helper()
	dot := strings.LastIndex(proof, ".Test")
	if dot < 0 {
		dot = strings.LastIndex(proof, ".Fuzz")
	}
	if dot < 0 {
		return false
	}
	folder := proof[:dot]
	test, rowName, isRow := strings.Cut(proof[dot+1:], "/")
	if _, ok := folders[folder]; !ok {
		folders[folder] = parseTests(t, folder)
	}
	found := folders[folder]
	return found.tests[test] && (!isRow || found.strings[rowName])
}

func parseTests(t *testing.T, folder string) names {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := names{map[string]bool{}, map[string]bool{}}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				found.tests[n.Name.Name] = true
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					found.strings[text] = true
				}
			}
			return true
		})
	}
	return found
}
