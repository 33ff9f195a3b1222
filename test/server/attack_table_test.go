package server_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// TestAttackTable holds docs/RELIABILITY.md and SECURITY.md against the tree: each row of an attack or a fault names tests, these
// are there, and so are the flags.
func TestAttackTable(t *testing.T) {
	root := filepath.Join("..", "..")
	reliability, err := os.ReadFile(filepath.Join(root, "docs", "RELIABILITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	security, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	there, name := testsOf(t, root), regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	rows := regexp.MustCompile(`(?m)^\| ([AF]\d+) \|.*$`).FindAllStringSubmatch(string(reliability), -1)
	if len(rows) != 27+14 {
		t.Errorf("there are %d rows, want 27 of attacks and 14 of faults", len(rows))
	}
	for _, row := range rows {
		if !name.MatchString(row[0]) && !strings.Contains(row[0], "`make race`") {
			t.Errorf("%s is proven by nothing", row[1])
		}
	}
	for _, m := range name.FindAllStringSubmatch(string(reliability), -1) {
		if !there[m[1]] {
			t.Errorf("docs/RELIABILITY.md: there is no %s", m[1])
		}
	}
	help := strings.Fields(finish(t, exec.Command(starlingtest.ServerBinary(t), "serve", "--help")).out)
	for _, m := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(string(reliability)+string(security), -1) {
		if !slices.ContainsFunc(help, func(word string) bool { flag, _, _ := strings.Cut(word, "="); return flag == m[1] }) {
			t.Errorf("starling serve has no %s", m[1])
		}
	}
}

// testsOf are the names of all tests of the module.
func testsOf(t *testing.T, root string) map[string]bool {
	t.Helper()
	all, name := map[string]bool{}, regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range name.FindAllSubmatch(source, -1) {
			all[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
