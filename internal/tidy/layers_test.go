package tidy

import (
	"fmt"
	"testing"
)

// layers is the import table: each package of this module, and the packages of this module that its production code
// may import. A row whose name ends in /... stands for its whole subtree; the longest row that matches decides. Tests
// are free: they may hold a package against anything.
//
// Read from the top, it is the design: bytes know no words, words know no people, people know no flags, and the proof
// shares nothing with the server but the words.
var layers = map[string][]string{
	"internal/invariants": {},

	"eventloop":              {"eventloop/internal/...", "internal/invariants"},
	"eventloop/internal/...": {"eventloop/internal/...", "internal/invariants"},

	"wsproto":          {"internal/invariants"},
	"wsproto/engineio": {"internal/invariants"},
	"wsproto/socketio": {"internal/invariants"},
	"wsproto/msgpack":  {"wsproto/socketio", "internal/invariants"},

	"hub/internal/rooms":    {"internal/invariants"},
	"hub/internal/edge":     {},
	"hub/internal/session":  {"eventloop", "hub/internal/edge", "wsproto", "wsproto/engineio", "internal/invariants"},
	"hub/internal/recovery": {"internal/invariants"},
	"hub/cluster":           {},
	"hub/cluster/loopback":  {"hub/cluster", "internal/invariants"},
	"hub":                   {"eventloop", "wsproto", "wsproto/engineio", "wsproto/socketio", "hub/cluster", "hub/internal/...", "internal/invariants"},

	// What adapters are held against, from outside.
	"hub/cluster/clustertest": {"hub", "hub/cluster", "internal/starlingtest", "internal/invariants"},

	"gateway/access":     {},
	"gateway/webhook":    {},
	"gateway/guard":      {},
	"gateway/playground": {},
	"gateway/control":    {"hub", "gateway/access"},
	"gateway/metrics":    {"hub", "gateway/webhook"},
	"gateway":            {"hub", "gateway/..."},

	"internal/doctor": {},
	"deploy":          {},

	"cmd/starling": {"hub", "wsproto/msgpack", "gateway", "gateway/...", "internal/doctor", "deploy"},
	"examples/...": {"hub"},

	"bench/...":           {"bench/...", "wsproto/..."},
	"internal/echoserver": {"eventloop", "wsproto"},

	// Of the server only the build tags: what judges it from outside must not share its mistakes.
	"internal/starlingtest": {"internal/invariants"},
}

// layerProblems holds the imports of each package against its row.
func layerProblems(table map[string][]string, all []source) []string {
	var problems []string
	rowless := map[string]bool{}
	for _, s := range all {
		if s.isTest() {
			continue
		}
		may, ok := rowOf(table, s.dir())
		if !ok {
			if !rowless[s.dir()] {
				problems = append(problems, fmt.Sprintf("package %s has no row in the import table: add one to `layers` in "+
					"internal/tidy/layers_test.go, with the packages of this module that it may import", s.dir()))
			}
			rowless[s.dir()] = true
			continue
		}
		problems = append(problems, forbiddenImports(s, may)...)
	}
	return problems
}

func forbiddenImports(s source, may []string) []string {
	var problems []string
	for _, spec := range s.file.Imports {
		if name, ours := s.imported(spec); ours && !matchAny(may, name) {
			problems = append(problems, fmt.Sprintf("%s: %s imports %s, which its row in the import table does not list: "+
				"the code belongs in another layer, or the row is wrong", s.at(spec), s.dir(), name))
		}
	}
	return problems
}

// rowOf finds the row that decides for a package.
func rowOf(table map[string][]string, pkg string) (may []string, ok bool) {
	longest := ""
	for name, row := range table {
		if match(name, pkg) && len(name) > len(longest) {
			longest, may, ok = name, row, true
		}
	}
	return may, ok
}

func TestLayerProblems(t *testing.T) {
	table := map[string][]string{
		"bytes":              {"bytes/internal/..."},
		"bytes/internal/...": {},
		"words":              {},
	}
	for _, rt := range []ruleTest{
		{name: "what the row lists, the standard library and other modules are free", files: map[string]string{
			"bytes/a.go": "package bytes\nimport (\n\"os\"\n\"starling/bytes/internal/box\"\n\"starlings/words\"\n)",
		}},
		{name: "tests are free", files: map[string]string{
			"bytes/a_test.go": "package bytes\nimport \"starling/words\"",
			"extra/a_test.go": "package extra\nimport \"starling/words\"",
		}},
		{name: "a row that does not list the package", files: map[string]string{
			"words/a.go": "package words\n\nimport \"starling/bytes\"",
		}, want: []string{"words/a.go:3: words imports bytes, which its row in the import table does not list: " +
			"the code belongs in another layer, or the row is wrong"}},
		{name: "a subtree's row decides for each package below it", files: map[string]string{
			"bytes/internal/box/a.go": "package box\nimport \"starling/words\"",
		}, want: []string{"bytes/internal/box/a.go:2: bytes/internal/box imports words, which its row in the import table " +
			"does not list: the code belongs in another layer, or the row is wrong"}},
		{name: "the module's root is a package like any other", files: map[string]string{
			"words/a.go": "package words\nimport \"starling\"",
		}, want: []string{"words/a.go:2: words imports ., which its row in the import table does not list: " +
			"the code belongs in another layer, or the row is wrong"}},
		{name: "a package without a row is told once what to do", files: map[string]string{
			"novel/a.go": "package novel\nimport \"starling/words\"",
			"novel/b.go": "package novel",
		}, want: []string{"package novel has no row in the import table: add one to `layers` in " +
			"internal/tidy/layers_test.go, with the packages of this module that it may import"}},
	} {
		rt.run(t, func(all []source) []string { return layerProblems(table, all) })
	}
}
