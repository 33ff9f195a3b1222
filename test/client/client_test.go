// Package client_test lets the stock Socket.IO client of Node.js talk to the real binary. Each file in scenarios/ is
// one conversation, held with a server process of its own, which must afterwards stop by SIGTERM with exit code 0.
package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// scenarioTimeout bounds failures only; no test waits for it to pass.
const scenarioTimeout = 60 * time.Second

func TestMain(m *testing.M) { os.Exit(starlingtest.Main(m)) }

// serverFlags are the flags of those servers that a scenario needs otherwise than by default.
var serverFlags = map[string][]string{
	// Five pings take 1.5 s; a pong may be a second late, so that a busy machine fails nobody.
	"heartbeat": {"--ping-interval", "300ms", "--ping-timeout", "1s"},
	"silence":   {"--ping-interval", "300ms", "--ping-timeout", "200ms"},
}

func TestStockClient(t *testing.T) {
	node := findNode(t)
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			flags := serverFlags[name]
			if name == "restart" {
				flags = append(flags, "--addr", reusableAddr(t))
			}
			s := starlingtest.Start(t, starlingtest.Serve(t, flags...))
			converse(t, node, name, &s)
			s.Stop(t)
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

// converse runs one scenario to its end. The scenario may ask for a restart of the server by a line on its standard
// output; *s is then the new server.
func converse(t *testing.T, node, name string, s **starlingtest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), scenarioTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("scenarios", name+".mjs"), "http://"+(*s).Addr)
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
		(*s).Stop(t)
		*s = starlingtest.Start(t, starlingtest.Serve(t, append(serverFlags[name], "--addr", (*s).Addr)...))
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

// reusableAddr finds an address that a second server can take after the first has gone: one with a free port below
// those that the system gives to outgoing connections, which come up by the dozen while a client tries to reconnect.
func reusableAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(10_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("found no free port between 20000 and 30000")
	return ""
}
