package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"testing"
)

// docProblems finds the exported names that no comment explains: functions, methods, types, constants and variables. A
// comment before a group of constants or variables is enough for all of it, and a type's comment for its fields, but
// each method of an interface is a promise of its own.
func docProblems(all []source) []string {
	var problems []string
	for _, s := range all {
		if s.isTest() {
			continue
		}
		for _, n := range undocumented(s.file) {
			problems = append(problems, fmt.Sprintf("%s: %s is exported and has no comment", s.at(n.node), n.what))
		}
	}
	return problems
}

func undocumented(file *ast.File) []finding {
	var found []finding
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && receiverExported(d) && !says(d.Doc) && !isStandardMethod(d) {
				found = append(found, finding{d, funcName(d)})
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				found = append(found, undocumentedSpec(d, spec)...)
			}
		}
	}
	return found
}

// isStandardMethod tells the methods whose meaning the standard library has fixed.
func isStandardMethod(fn *ast.FuncDecl) bool {
	return fn.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String"}, fn.Name.Name)
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []finding {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			return undocumentedType(d, spec)
		}
	case *ast.ValueSpec:
		if !says(d.Doc) && !says(spec.Doc) && !says(spec.Comment) {
			return exportedNames(spec.Names, "")
		}
	}
	return nil
}

func undocumentedType(d *ast.GenDecl, spec *ast.TypeSpec) []finding {
	var found []finding
	grouped := d.Lparen != token.NoPos // and then the comment before the group explains no single type of it
	if !says(spec.Doc) && !says(spec.Comment) && (grouped || !says(d.Doc)) {
		found = append(found, finding{spec, spec.Name.Name})
	}
	promises, ok := spec.Type.(*ast.InterfaceType)
	if !ok {
		return found
	}
	for _, f := range promises.Methods.List {
		if !says(f.Doc) && !says(f.Comment) {
			found = append(found, exportedNames(f.Names, spec.Name.Name+".")...)
		}
	}
	return found
}

func exportedNames(names []*ast.Ident, prefix string) []finding {
	var found []finding
	for _, name := range names {
		if name.IsExported() {
			found = append(found, finding{name, prefix + name.Name})
		}
	}
	return found
}

// says tells whether a comment has words: a compiler directive alone explains nothing.
func says(c *ast.CommentGroup) bool { return c.Text() != "" }

func TestDocProblems(t *testing.T) {
	for _, rt := range []ruleTest{
		{name: "what is documented, unexported or a test", files: map[string]string{
			"p/a.go": `package p
import "fmt"
// F does.
func F() {}
func f() {}
func (u u) F() {}
func (u u) g() {}
// T is.
type T struct { A int }
func (t T) String() string { return "" }
func (t *T) Error() string { return "" }
// I is.
type I interface {
	M() // does
	// N does.
	N()
	fmt.Stringer
}
type u struct { A int }
// The errors.
var (
	ErrA = 1
	ErrB = 2
)
const (
	X = 1 // is one
	// Y is two.
	Y = 2
	z = 3
)
`,
			"p/a_test.go": "package p\nfunc Helper() {}",
		}},
		{name: "functions and methods, also behind a directive", files: map[string]string{
			"p/a.go": "package p\nfunc F() {}\nfunc (t *T[K]) M() {}\n//go:noinline\nfunc G() {}\nfunc Error() {}",
		}, want: []string{
			"p/a.go:2: F is exported and has no comment",
			"p/a.go:3: T.M is exported and has no comment",
			"p/a.go:5: G is exported and has no comment",
			"p/a.go:6: Error is exported and has no comment",
		}},
		{name: "types and interface methods", files: map[string]string{
			"p/a.go": "package p\ntype T int\n// Both.\ntype (\nA struct {\nX, y int\n}\n)\n// I is.\ntype I interface {\nM()\n}",
		}, want: []string{
			"p/a.go:2: T is exported and has no comment",
			"p/a.go:5: A is exported and has no comment",
			"p/a.go:11: I.M is exported and has no comment",
		}},
		{name: "constants and variables", files: map[string]string{
			"p/a.go": "package p\nconst A = 1\nvar b, C int",
		}, want: []string{
			"p/a.go:2: A is exported and has no comment",
			"p/a.go:3: C is exported and has no comment",
		}},
	} {
		rt.run(t, docProblems)
	}
}
