package tidy

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// privateWords are places that exist on the machines of those who write Starling and mean nothing to its readers. They
// are put together here so that this file does not contain them.
var privateWords = []string{
	"/" + "work/",
	"shared" + "/reference",
	"shared" + "/design",
	"shared" + "/guest",
}

// wordProblems finds the private words in a text file; what holds a NUL byte is no text.
func wordProblems(name string, content []byte) []string {
	if bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	var problems []string
	for i, line := range strings.Split(string(content), "\n") {
		for _, word := range privateWords {
			if strings.Contains(line, word) {
				problems = append(problems, fmt.Sprintf("%s:%d: %q is a place on somebody's machine", name, i+1, word))
			}
		}
	}
	return problems
}

// trackedFiles lists the files of the tree that are in git or on their way there. Without git it lists them all.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	if err := walk(func(name string) error { all = append(all, name); return nil }); err != nil {
		t.Fatal(err)
	}
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = moduleDir
	out, err := git.Output()
	if err != nil {
		t.Logf("git ls-files: %v; looking at every file instead", err)
		return all
	}
	tracked := map[string]bool{}
	for name := range strings.SplitSeq(string(out), "\x00") {
		tracked[name] = true
	}
	return slices.DeleteFunc(all, func(name string) bool { return !tracked[name] })
}

func TestWordProblems(t *testing.T) {
	place := "/" + "work/tree"
	for _, tc := range []struct {
		name, content string
		want          []string
	}{
		{"words that only look alike", "framework/x, networks, shared references, /workers", nil},
		{"a place", "first\nsee " + place, []string{`a.md:2: "` + "/" + `work/" is a place on somebody's machine`}},
		{"not a text", "\x00" + place, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := wordProblems("a.md", []byte(tc.content)); !slices.Equal(got, tc.want) {
				t.Errorf("found %q, want %q", got, tc.want)
			}
		})
	}
	for _, word := range privateWords {
		if len(wordProblems("a.md", []byte("x"+word+"x"))) != 1 {
			t.Errorf("%q is not found", word)
		}
	}
}
