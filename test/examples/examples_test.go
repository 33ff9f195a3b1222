// Package examples_test starts each example as its reader would, and talks to it: with the stock client of Node.js
// (scenarios/), and on its page, in a browser (pages/). An example must afterwards stop by SIGTERM with exit code 0.
package examples_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"starling/internal/invariants"
	"starling/internal/starlingtest"
)

// moduleDir is where an example is started, so that the paths that its flags have by default are right.
const moduleDir = "../.."

// clientFile is what `npm ci --prefix examples` brings, from the module's folder.
const clientFile = "examples/node_modules/socket.io-client/dist/socket.io.min.js"

func TestMain(m *testing.M) { os.Exit(run(m)) }

// binDir is where the examples are built.
var binDir string

func run(m *testing.M) int {
	var err error
	if binDir, err = os.MkdirTemp("", "examples"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binDir)
	return m.Run()
}

func TestClients(t *testing.T) {
	node := starlingtest.FindTool(t, "node")
	wantInstalled(t, "the stock client", "../client/node_modules/socket.io-client", "test/client")
	for _, name := range names(t) {
		for _, kind := range []string{"websocket", "polling", "default"} { // client.mjs has the options that make them
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				s := start(t, name)
				hear := func(line string) string { t.Logf("the scenario says: %s", line); return "" }
				starlingtest.Converse(t, hear, node, filepath.Join("scenarios", name+".mjs"), "http://"+s.Addr, kind, "standard")
				s.Stop(t)
			})
		}
	}
}

func TestPages(t *testing.T) {
	node, chromium := starlingtest.FindTool(t, "node"), starlingtest.FindTool(t, "chromium")
	wantInstalled(t, "what drives the browser", "../browser/node_modules/playwright-core", "test/browser")
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, name)
			hear := func(line string) string {
				if line == "serve" {
					return s.Addr
				}
				t.Logf("the page says: %s", line)
				return ""
			}
			starlingtest.Converse(t, hear, node, filepath.Join("pages", name+".mjs"), chromium)
			s.Stop(t)
		})
	}
}

// TestWithoutClient is an example on a machine on which nothing was installed yet.
func TestWithoutClient(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(binary(t, name), "-addr", "127.0.0.1:0")
			cmd.Dir = t.TempDir()
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "`npm ci --prefix examples`") {
				t.Errorf("%v, want exit code 1 and a word on what to do:\n%s", err, out)
			}
		})
	}
}

// names are the examples: the folders with a main.go.
func names(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(moduleDir, "examples/*/main.go"))
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no example: %v", err)
	}
	for i, name := range found {
		found[i] = filepath.Base(filepath.Dir(name))
	}
	return found
}

func wantInstalled(t *testing.T, what, file, folder string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%s is not installed: run `make test`, or `npm ci` in %s", what, folder)
	}
}

// start starts an example on a free port, with its flags as they are otherwise.
func start(t *testing.T, name string) *starlingtest.Server {
	t.Helper()
	wantInstalled(t, "the client for browsers", filepath.Join(moduleDir, clientFile), "examples")
	cmd := exec.Command(binary(t, name), "-addr", "127.0.0.1:0")
	cmd.Dir = moduleDir
	return starlingtest.Start(t, cmd)
}

// binary is the path of an example's binary, built as the tests were: with assertions and race detector, or without.
func binary(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(binDir, name)
}

var build = sync.OnceValue(func() error {
	if err := touchSources(); err != nil {
		return err
	}
	args := []string{"build", "-o", binDir}
	if invariants.Enabled {
		args = append(args, "-tags", "invariants")
	}
	if starlingtest.RaceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./examples/...")...)
	cmd.Dir = moduleDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
})

// touchSources looks at each folder of the module: the go command runs a test again, instead of repeating its result,
// when something has changed that the test itself has looked at, and a build is another process.
func touchSources() error {
	return filepath.WalkDir(moduleDir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		return err
	})
}
