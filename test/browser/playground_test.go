package browser_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestPlayground drives the page that a server for developers shows. With STARLING_SHOTS, the name of a folder, the page is
// photographed into that on its way.
func TestPlayground(t *testing.T) {
	node, chromium := starlingtest.FindTool(t, "node"), starlingtest.FindTool(t, "chromium")
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatal("what drives the browser is not installed: run `make test`, or `npm ci` in test/browser")
	}
	server := &devServer{port: "0", apiPort: "0"}
	lacking := ""
	hear := func(line string) (answer string) {
		switch word, rest, _ := strings.Cut(line, " "); {
		case line == "serve --dev":
			server.start(t)
			return "localhost:" + server.apiPort
		case line == "serve nothing":
			server.Stop(t)
			return "gone"
		case word == "skip":
			lacking = rest
		default:
			t.Logf("the scenario says: %s", line)
		}
		return ""
	}
	starlingtest.Converse(t, hear, node, "playground.mjs", chromium, os.Getenv("STARLING_SHOTS"))
	if t.Failed() {
		return // the server may be anywhere
	}
	server.Stop(t)
	if lacking != "" {
		starlingtest.Lacking(t, lacking)
	}
}

// devServer is `starling serve --dev`. It can be started again once it has stopped, and is then another process with other
// keys at the same addresses.
type devServer struct {
	*starlingtest.Server
	port, apiPort string // "0" until it has been started
}

// start starts it and reads from what it prints where it is.
func (d *devServer) start(t *testing.T) {
	t.Helper()
	out, in := io.Pipe()
	cmd := exec.Command(starlingtest.ServerBinary(t), "serve", "--dev", "--log-format", "json",
		"--addr", "127.0.0.1:"+d.port, "--api-addr", "127.0.0.1:"+d.apiPort)
	cmd.Stdout = in
	printed := make(chan string, 2)
	go readPorts(out, printed)
	d.Server = starlingtest.Start(t, cmd)
	t.Cleanup(func() { in.Close() })
	for _, port := range []*string{&d.port, &d.apiPort} {
		select {
		case *port = <-printed:
		case <-time.After(starlingtest.Patience):
			t.Fatal("the server has not printed where it is")
		}
	}
}

// address is, of what is printed, where clients connect to and where the page is.
var address = regexp.MustCompile(`^(?:starling .* clients on|playground) +http://localhost:(\d+)[ /]`)

// readPorts reads the output to its end, so that the server never waits for a reader, and gives the ports that are in it.
func readPorts(out io.Reader, printed chan<- string) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			printed <- m[1]
		}
	}
}
