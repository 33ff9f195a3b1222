package tidy

import (
	"fmt"
	"strings"
	"testing"
)

// owners names the one package whose production code may import a dependency. Such a dependency can be understood,
// bounded and replaced in one place. Tests may use it elsewhere, as an independent judge of what we wrote ourselves.
var owners = map[string]string{
	"github.com/panjf2000/gnet":     "eventloop",
	"github.com/gobwas/ws":          "wsproto",
	"github.com/klauspost/compress": "wsproto",
	// What is believed about the world in front of the server is decided in one place.
	"github.com/rs/cors":             "hub/internal/edge",
	"github.com/pires/go-proxyproto": "hub/internal/edge",
	// sonic's defaults accept bad UTF-8 and raw control bytes in strings; only here is it configured not to.
	"github.com/bytedance/sonic": "wsproto/socketio",
	"golang.org/x/perf":          "bench/internal/verdict",
	"gonum.org/v1/plot":          "bench/internal/page",
}

// ownerProblems finds the imports of an owned dependency, or of a package inside it, by anybody but its owner.
func ownerProblems(owners map[string]string, all []source) []string {
	var problems []string
	for _, s := range all {
		if s.isTest() {
			continue
		}
		for _, spec := range s.file.Imports {
			name, _ := s.imported(spec)
			dependency, owner := ownerOf(owners, name)
			if owner != "" && owner != s.dir() {
				problems = append(problems, fmt.Sprintf("%s: only %s may import %s", s.at(spec), owner, dependency))
			}
		}
	}
	return problems
}

func ownerOf(owners map[string]string, imported string) (dependency, owner string) {
	for dependency, owner := range owners {
		if imported == dependency || strings.HasPrefix(imported, dependency+"/") {
			return dependency, owner
		}
	}
	return "", ""
}

func TestOwnerProblems(t *testing.T) {
	owners := map[string]string{"example.org/engine": "bytes"}
	for _, rt := range []ruleTest{
		{name: "the owner, tests, and names that only begin alike are free", files: map[string]string{
			"bytes/a.go":      "package bytes\nimport \"example.org/engine/v2\"",
			"words/a.go":      "package words\nimport \"example.org/engines\"",
			"words/a_test.go": "package words\nimport \"example.org/engine\"",
		}},
		{name: "the dependency itself", files: map[string]string{
			"words/a.go": "package words\nimport e \"example.org/engine\"",
		}, want: []string{"words/a.go:2: only bytes may import example.org/engine"}},
		{name: "a package inside the dependency, imported from below the owner", files: map[string]string{
			"bytes/internal/box/a.go": "package box\nimport _ \"example.org/engine/v2/pkg\"",
		}, want: []string{"bytes/internal/box/a.go:2: only bytes may import example.org/engine"}},
	} {
		rt.run(t, func(all []source) []string { return ownerProblems(owners, all) })
	}
}
