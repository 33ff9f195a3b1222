// Package browser_test lets pages in a real browser talk to the real binary. Each file in scenarios/ is one conversation,
// with a browser of its own and with the server processes that it asks for, which must afterwards stop by SIGTERM with
// exit code 0.
package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { os.Exit(starlingtest.Main(m)) }

func TestBrowser(t *testing.T) {
	node, chromium := starlingtest.FindTool(t, "node"), starlingtest.FindTool(t, "chromium")
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatal("what drives the browser is not installed: run `make test`, or `npm ci` in test/browser")
	}
	for _, name := range starlingtest.Scenarios(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drive(t, node, filepath.Join("scenarios", name+".mjs"), chromium)
		})
	}
}

// drive runs one scenario to its end. A line "serve" on its standard output, with flags behind it, asks for a server;
// the answer is the server's address. A line "skip", with a reason behind it, says that the machine lacks something.
func drive(t *testing.T, name string, args ...string) {
	t.Helper()
	var servers []*starlingtest.Server
	lacking := ""
	hear := func(line string) string {
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "serve":
			s := starlingtest.Start(t, starlingtest.Serve(t, strings.Fields(rest)...))
			servers = append(servers, s)
			return s.Addr
		case "skip":
			lacking = rest
		default:
			t.Logf("the scenario says: %s", line)
		}
		return ""
	}
	starlingtest.Converse(t, hear, name, args...)
	for _, s := range servers {
		s.Stop(t)
	}
	if lacking != "" {
		starlingtest.Lacking(t, lacking)
	}
}
