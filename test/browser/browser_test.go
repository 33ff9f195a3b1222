// Package browser_test lets pages in a real browser talk to the real binary. Each file in scenarios/ is one conversation,
// with a browser of its own and with the server processes that it asks for, which must afterwards stop by SIGTERM with
// exit code 0.
package browser_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// scenarioTimeout bounds failures only; no test waits for it to pass.
const scenarioTimeout = 2 * time.Minute

func TestMain(m *testing.M) { os.Exit(starlingtest.Main(m)) }

func TestBrowser(t *testing.T) {
	node, chromium := findTool(t, "node"), findTool(t, "chromium")
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatal("what drives the browser is not installed: run `make test`, or `npm ci` in test/browser")
	}
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drive(t, node, filepath.Join("scenarios", name+".mjs"), chromium)
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

// findTool skips the test on a machine without a tool.
func findTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skip(t, "there is no "+name+" in the PATH")
	}
	return path
}

// drive runs one scenario to its end. A line "serve" on its standard output, with flags behind it, asks for a server;
// the answer is the server's address. A line "skip", with a reason behind it, says that the machine lacks something.
func drive(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), scenarioTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, stdout := pipes(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var servers []*starlingtest.Server
	lacking := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "serve":
			s := starlingtest.Start(t, starlingtest.Serve(t, strings.Fields(rest)...))
			servers = append(servers, s)
			fmt.Fprintln(stdin, s.Addr) // a scenario that no longer reads has failed, and says why below
		case "skip":
			lacking = rest
		default:
			t.Logf("the scenario says: %s", lines.Text())
		}
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		err = fmt.Errorf("not over within %v: %w", scenarioTimeout, err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	for _, s := range servers {
		s.Stop(t)
	}
	if lacking != "" {
		skip(t, lacking)
	}
}

// skip skips the test, unless this machine is CI, where no test must go missing.
func skip(t *testing.T, lacking string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must hold this conversation, but %s", lacking)
	}
	t.Skipf("%s (`make test` sees to it)", lacking)
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
