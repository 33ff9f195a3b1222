package tidy

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDocumentsNameWhatIsThere holds the documents against the tree: the tests that they name as proofs, the targets of the Makefile,
// and the scenarios and attacks of the bench.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(moduleDir, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	there := thingsOf(string(makefile), tree(t))
	for _, name := range trackedFiles(t) {
		if path.Ext(name) != ".md" || !slices.Contains([]string{".", "docs"}, path.Dir(name)) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(moduleDir, name))
		if err != nil {
			t.Fatal(err)
		}
		report(t, nameProblems(name, string(text), there))
	}
}

// things are what documents may name.
type things struct {
	tests, targets, scenarios, attacks map[string]bool
}

// named is how documents name things: a pattern whose only group is the name.
var named = []struct {
	what    string
	pattern *regexp.Regexp
	of      func(things) map[string]bool
}{
	{"test", regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`"), func(t things) map[string]bool { return t.tests }},
	{"target of the Makefile", regexp.MustCompile("(?m)(?:`|^ {4})make ([a-z][a-z-]*)"), func(t things) map[string]bool { return t.targets }},
	{"scenario of the bench", regexp.MustCompile("(?m)(?:`|^ {4})(?:bin/)?bench ([a-z][a-z-]*)"), func(t things) map[string]bool { return t.scenarios }},
	{"attack of the bench", regexp.MustCompile("`([a-z][a-z-]*)=\\d+(?:%|/s|ms)?`"), func(t things) map[string]bool { return t.attacks }},
}

// nameProblems finds what a document names and is not there.
func nameProblems(name, text string, there things) []string {
	var problems []string
	for i, line := range strings.Split(text, "\n") {
		for _, n := range named {
			for _, m := range n.pattern.FindAllStringSubmatch(line, -1) {
				if !n.of(there)[m[1]] {
					problems = append(problems, fmt.Sprintf("%s:%d: there is no %s named %s", name, i+1, n.what, m[1]))
				}
			}
		}
	}
	return problems
}

// thingsOf collects what there is: tests are functions of test files, scenarios the fields of the bench with a tag for that, and
// attacks constants of the types Kind and Act.
func thingsOf(makefile string, all []source) things {
	there := things{tests: map[string]bool{}, targets: map[string]bool{}, scenarios: map[string]bool{}, attacks: map[string]bool{}}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(makefile, -1) {
		there.targets[m[1]] = true
	}
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				there.tests[n.Name.Name] = there.tests[n.Name.Name] || s.isTest() && n.Recv == nil
			case *ast.Field:
				if s.dir() == "bench" {
					addScenarios(there.scenarios, n)
				}
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); ok && s.dir() == "bench/internal/chaos" && slices.Contains([]string{"Kind", "Act"}, kind.Name) {
					addTexts(there.attacks, n.Values)
				}
			}
			return true
		})
	}
	return there
}

// addScenarios adds a field that kong makes a command of: under its own name in lower case, FindMax as find-max, and its aliases.
func addScenarios(scenarios map[string]bool, field *ast.Field) {
	if field.Tag == nil {
		return
	}
	text, _ := strconv.Unquote(field.Tag.Value) // the parser has checked it
	tag := reflect.StructTag(text)
	if _, isCommand := tag.Lookup("cmd"); !isCommand {
		return
	}
	for _, alias := range strings.Split(tag.Get("aliases"), ",") {
		scenarios[alias] = true
	}
	for _, name := range field.Names {
		scenarios[strings.ToLower(regexp.MustCompile(`(\w)([A-Z])`).ReplaceAllString(name.Name, "$1-$2"))] = true
	}
}

func addTexts(texts map[string]bool, values []ast.Expr) {
	for _, v := range values {
		if literal, ok := v.(*ast.BasicLit); ok {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				texts[text] = true
			}
		}
	}
}

func TestNameProblems(t *testing.T) {
	const makefile = "VERSION := 1\n.PHONY: test\ntest: lint ## all\n\tgo test\nbench-storm:\n"
	files := map[string]string{
		"p/a.go":                    "package p\nfunc TestNothing() {}",
		"p/a_test.go":               "package p\nfunc TestA() {}\nfunc FuzzA() {}\nfunc (s suite) TestMethod() {}",
		"bench/a.go":                "package main\ntype t struct {\nFindMax int `cmd:\"\" help:\"x\"`\nEcho int `cmd:\"\" aliases:\"ack\"`\nOther int `help:\"x\"`\n}",
		"bench/internal/chaos/a.go": "package chaos\nconst (\nSlow Kind = \"slow\"\nPause Act = \"pause\"\nx string = \"no\"\n)",
	}
	var all []source
	for name, content := range files {
		s, err := parse("starling", name, content)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	there := thingsOf(makefile, all)
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"what is there", "`TestA`, `FuzzA`; `make test`, `make bench-storm ARGS=1`; `bench find-max`, `bin/bench ack -n 1`; `slow=5%`, `pause=500ms`\n    make test\n    bin/bench echo", nil},
		{"what is nobody's name", "we make tests, a bench mark, `test=`, Test and `Testing`, `transport=websocket`", nil},
		{"tests", "`TestB`\n`TestNothing`, `TestMethod`", []string{
			"a.md:1: there is no test named TestB", "a.md:2: there is no test named TestNothing", "a.md:2: there is no test named TestMethod",
		}},
		{"targets", "`make tests`\n    make lint", []string{
			"a.md:1: there is no target of the Makefile named tests", "a.md:2: there is no target of the Makefile named lint",
		}},
		{"scenarios and attacks", "`bench other`\n`no=5`", []string{
			"a.md:1: there is no scenario of the bench named other", "a.md:2: there is no attack of the bench named no",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := nameProblems("a.md", tc.text, there); !slices.Equal(got, tc.want) {
				t.Errorf("found %q, want %q", got, tc.want)
			}
		})
	}
}
