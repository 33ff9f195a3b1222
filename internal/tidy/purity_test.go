package tidy

import (
	"cmp"
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// purity is what the production code of some packages must do without.
type purity struct {
	where        []string // patterns of packages
	imports      []string // no import of these, nor of a package inside them
	excused      []string // files that may import them all the same
	clocks       bool     // no reading of the machine's clock, and no timer of its own
	goStatements bool     // no goroutine
	because      string
}

var purities = []purity{
	{
		where:   []string{"wsproto/...", "hub/internal/rooms"},
		imports: []string{"sync", "math/rand"},
		excused: []string{
			"wsproto/deflate.go",              // a compressor of 1.2 MB is shared, and no outcome depends on it
			"hub/internal/rooms/directory.go", // what the loops share of a namespace's rooms
		},
		clocks:       true,
		goStatements: true,
		because:      "one loop owns what is here, and the same bytes always have the same outcome",
	},
	{
		where:   []string{"hub/internal/session", "hub/internal/shard"},
		clocks:  true,
		because: "the loop's clock is injected, so that a whole conversation can run under a test's clock",
	},
}

// clockFuncs are the functions of package time that read the machine's clock or wait for it.
var clockFuncs = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}

// purityProblems finds what the packages were to do without.
func purityProblems(purities []purity, all []source) []string {
	var problems []string
	for _, p := range purities {
		for _, s := range within(all, p.where...) {
			if s.isTest() {
				continue
			}
			for _, n := range p.forbidden(s) {
				problems = append(problems, fmt.Sprintf("%s: no %s in %s: %s", s.at(n.node), n.what, s.dir(), p.because))
			}
		}
	}
	return problems
}

// finding is a piece of source and what is wrong with it.
type finding struct {
	node ast.Node
	what string
}

// forbidden lists the findings in one file, from top to bottom.
func (p purity) forbidden(s source) []finding {
	found := p.forbiddenImports(s)
	clock := ""
	if p.clocks {
		clock = localName(s, "time")
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if p.goStatements {
				found = append(found, finding{n, "go statement"})
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && clock != "" && x.Name == clock && slices.Contains(clockFuncs, n.Sel.Name) {
				found = append(found, finding{n, "time." + n.Sel.Name})
			}
		}
		return true
	})
	slices.SortFunc(found, func(a, b finding) int { return cmp.Compare(a.node.Pos(), b.node.Pos()) })
	return found
}

func (p purity) forbiddenImports(s source) []finding {
	var found []finding
	for _, spec := range s.file.Imports {
		name, _ := s.imported(spec)
		banned := !slices.Contains(p.excused, s.path) &&
			slices.ContainsFunc(p.imports, func(b string) bool { return name == b || strings.HasPrefix(name, b+"/") })
		if banned {
			found = append(found, finding{spec, "import of " + name})
		}
		if p.clocks && name == "time" && spec.Name != nil && spec.Name.Name == "." {
			found = append(found, finding{spec, "dot import of time, which would hide its clock,"})
		}
	}
	return found
}

// localName is what the file calls a package that it imports, or "".
func localName(s source, pkg string) string {
	for _, spec := range s.file.Imports {
		if name, _ := s.imported(spec); name == pkg {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return pkg
		}
	}
	return ""
}

func TestPurityProblems(t *testing.T) {
	purities := []purity{
		{
			where: []string{"pure/..."}, imports: []string{"sync", "math/rand"},
			clocks: true, goStatements: true, because: "it is pure",
		},
		{where: []string{"timed"}, clocks: true, because: "the clock is injected"},
	}
	for _, rt := range []ruleTest{
		{name: "durations, names of its own and other people's Now are free", files: map[string]string{
			"pure/a.go": "package pure\nimport \"time\"\nconst d = time.Second\ntype clock interface{ Now() time.Time }\n" +
				"func f(c clock) time.Time { return c.Now() }",
		}},
		{name: "tests and other packages are free", files: map[string]string{
			"pure/a_test.go": "package pure\nimport (\n\"sync\"\n\"time\"\n)\nvar _ = time.Now\nvar m sync.Mutex",
			"other/a.go":     "package other\nimport \"sync/atomic\"\nfunc f() { go f() }",
		}},
		{name: "locks, atomics and randomness", files: map[string]string{
			"pure/in/a.go": "package in\nimport \"sync\"\nimport \"sync/atomic\"\nimport \"math/rand/v2\"\nimport \"math\"",
		}, want: []string{
			"pure/in/a.go:2: no import of sync in pure/in: it is pure",
			"pure/in/a.go:3: no import of sync/atomic in pure/in: it is pure",
			"pure/in/a.go:4: no import of math/rand/v2 in pure/in: it is pure",
		}},
		{name: "goroutines", files: map[string]string{
			"pure/a.go": "package pure\nfunc f() {\n\tgo func() {}()\n}",
		}, want: []string{"pure/a.go:3: no go statement in pure: it is pure"}},
		{name: "the clock, under any name and also when only handed on", files: map[string]string{
			"timed/a.go": "package timed\nimport \"time\"\nvar now = time.Now",
			"timed/b.go": "package timed\nimport clock \"time\"\nfunc f() { clock.Sleep(1) }",
			"timed/c.go": "package timed\nimport . \"time\"\nvar _ = Now",
		}, want: []string{
			"timed/a.go:3: no time.Now in timed: the clock is injected",
			"timed/b.go:3: no time.Sleep in timed: the clock is injected",
			"timed/c.go:2: no dot import of time, which would hide its clock, in timed: the clock is injected",
		}},
		{name: "a rule on the clock alone lets locks and goroutines be", files: map[string]string{
			"timed/a.go": "package timed\nimport \"sync\"\nvar m sync.Mutex\nfunc f() { go f() }",
		}},
	} {
		rt.run(t, func(all []source) []string { return purityProblems(purities, all) })
	}
}
