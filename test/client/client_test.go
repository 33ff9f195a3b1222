// Package client_test lets the stock Socket.IO client of Node.js talk to the real binary. Each file in scenarios/ is
// one conversation, held with a server process of its own, which must afterwards stop by SIGTERM with exit code 0.
package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/internal/invariants"
)

const (
	moduleDir = "../.."

	// These bound failures only; no test waits for one of them to pass.
	scenarioTimeout = 60 * time.Second
	startTimeout    = 20 * time.Second
	stopTimeout     = 20 * time.Second
)

// serverFlags are the flags of those servers that a scenario needs otherwise than by default.
var serverFlags = map[string][]string{
	// Five pings take 1.5 s; a pong may be a second late, so that a busy machine fails nobody.
	"heartbeat": {"--ping-interval", "300ms", "--ping-timeout", "1s"},
	"silence":   {"--ping-interval", "300ms", "--ping-timeout", "200ms"},
}

func TestStockClient(t *testing.T) {
	node := findNode(t)
	binary := serverBinary(t)
	touchSources(t)
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			addr := "127.0.0.1:0"
			if name == "restart" {
				addr = reusableAddr(t)
			}
			s := startServer(t, binary, addr, serverFlags[name]...)
			converse(t, node, name, &s)
			s.stop(t)
		})
	}
}

// scenarios are the names of the files in scenarios/. Whoever adds one there has added a test.
func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("scenarios/*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".mjs"))
	}
	if len(names) == 0 {
		t.Fatal("there is no scenario in scenarios/")
	}
	return names
}

// findNode skips the test on a machine without Node.js, unless that machine is CI, where the test must not go missing.
func findNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	switch {
	case err != nil && os.Getenv("CI") == "":
		t.Skip("no conversation with the stock client: there is no node on this machine (`make test` installs it)")
	case err != nil:
		t.Fatal("CI must hold the conversations with the stock client, but there is no node in its PATH")
	}
	if _, err := os.Stat("node_modules/socket.io-client"); err != nil {
		t.Fatal("the stock client is not installed: run `make test`, or `npm ci` in test/client")
	}
	return node
}

// serverBinary builds the server as this test itself was built: with assertions and race detector, or without. With
// STARLING_BINARY the conversations are held with that binary instead, say with a release.
func serverBinary(t *testing.T) string {
	t.Helper()
	if binary := os.Getenv("STARLING_BINARY"); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), "starling")
	args := []string{"build", "-o", binary}
	if invariants.Enabled {
		args = append(args, "-tags", "invariants")
	}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "./cmd/starling")...)
	build.Dir = moduleDir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	return binary
}

// touchSources looks at each folder of the module. The go command watches what a test looks at and runs it again, rather
// than repeating its last result, when something of that has changed; it cannot see what node and a build that the test
// started have read.
func touchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(moduleDir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// converse runs one scenario to its end. The scenario may ask for a restart of the server by a line on its standard
// output; *s is then the new server.
func converse(t *testing.T, node, name string, s **server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), scenarioTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("scenarios", name+".mjs"), "http://"+(*s).addr)
	cmd.WaitDelay = time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, stdout := pipes(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if lines.Text() != "restart the server" {
			t.Logf("%s says: %s", name, lines.Text())
			continue
		}
		(*s).stop(t)
		*s = startServer(t, (*s).cmd.Path, (*s).addr, serverFlags[name]...)
		fmt.Fprintln(stdin, "restarted") // a scenario that no longer reads has failed, and says why below
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		err = fmt.Errorf("not over within %v: %w", scenarioTimeout, err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
}

func pipes(t *testing.T, cmd *exec.Cmd) (stdin io.Writer, stdout io.Reader) {
	t.Helper()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return in, out
}
