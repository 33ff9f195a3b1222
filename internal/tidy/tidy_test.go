// Package tidy holds the shape of the tree as tests: which package may import which, who alone may import a dependency,
// where no clock, lock or goroutine may live, which parsers must have a fuzz target, and what must be documented.
//
// Each rule is a function from parsed sources to a list of problems. It runs twice: over small sources written for its
// own test, and here over the tree. A rule that is in the way is changed here, in the open, and never worked around.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// moduleDir is where go.mod stands, seen from this package's folder, in which its tests run.
const moduleDir = "../.."

func TestImportsFollowTheLayers(t *testing.T) {
	report(t, layerProblems(layers, tree(t)))
}

func TestDependenciesHaveTheirOnlyImporter(t *testing.T) {
	report(t, ownerProblems(owners, tree(t)))
}

func TestPureCodeStaysPure(t *testing.T) {
	report(t, purityProblems(purities, tree(t)))
}

func TestEachParserHasItsFuzzTarget(t *testing.T) {
	report(t, fuzzProblems(fuzzNames, within(tree(t), "wsproto/...")))
}

func TestExportedNamesAreDocumented(t *testing.T) {
	report(t, docProblems(within(tree(t), "eventloop", "wsproto/...", "hub")))
}

func TestNoFileNamesAnybodysMachine(t *testing.T) {
	for _, name := range trackedFiles(t) {
		content, err := os.ReadFile(filepath.Join(moduleDir, name))
		if err != nil {
			t.Fatal(err)
		}
		report(t, wordProblems(name, content))
	}
}

func report(t *testing.T, problems []string) {
	t.Helper()
	for _, p := range problems {
		t.Error(p)
	}
}

// source is one parsed Go file of this module.
type source struct {
	module string // the module's path, which begins every import of its own packages
	path   string // from the module's root, with slashes
	fset   *token.FileSet
	file   *ast.File
}

// dir is the folder of the file, and so the path of its package within the module.
func (s source) dir() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// at is where a problem is, in the form that editors jump to.
func (s source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// imported is the path of an import; ours tells whether it is a package of this module, and then the path is that
// within the module.
func (s source) imported(spec *ast.ImportSpec) (name string, ours bool) {
	name, _ = strconv.Unquote(spec.Path.Value) // the parser has checked it
	if name == s.module {
		return ".", true
	}
	if rest, ok := strings.CutPrefix(name, s.module+"/"); ok {
		return rest, true
	}
	return name, false
}

// within keeps the sources whose package matches one of the patterns.
func within(all []source, patterns ...string) []source {
	return slices.DeleteFunc(slices.Clone(all), func(s source) bool { return !matchAny(patterns, s.dir()) })
}

// match tells whether a package is meant by a pattern, which is as in the go command: x is the package x alone and
// x/... is x with all that is below it.
func match(pattern, pkg string) bool {
	root, subtree := strings.CutSuffix(pattern, "/...")
	return pkg == root || subtree && strings.HasPrefix(pkg, root+"/")
}

func matchAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, pkg) })
}

// tree is every Go file of the module, whatever its build tags.
func tree(t *testing.T) []source {
	t.Helper()
	all, err := parsedTree()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var parsedTree = sync.OnceValues(func() ([]source, error) {
	module, err := moduleName()
	if err != nil {
		return nil, err
	}
	var all []source
	err = walk(func(name string) error {
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		content, err := os.ReadFile(filepath.Join(moduleDir, name))
		if err != nil {
			return err
		}
		s, err := parse(module, name, string(content))
		all = append(all, s)
		return err
	})
	return all, err
})

func parse(module, name, content string) (source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	return source{module, name, fset, file}, err
}

// moduleName reads the module's path from go.mod, so that renaming the module cannot silence a rule.
func moduleName() (string, error) {
	content, err := os.ReadFile(filepath.Join(moduleDir, "go.mod"))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "module ")), nil
}

// walk visits the files of the module, less what git or a package manager keeps for itself. It reads each folder
// through the os package, which is how the go command learns that a cached result of these tests is out of date.
func walk(visit func(name string) error) error {
	skipped := []string{".git", "node_modules", "bin"}
	return filepath.WalkDir(moduleDir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(skipped, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(moduleDir, name)
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return visit(filepath.ToSlash(rel))
	})
}
