// Package client_test lets the stock Socket.IO client of Node.js talk to the real binary. Each file in scenarios/ is
// one conversation. It is held by each kind of client, with a server process of its own, which must afterwards stop by
// SIGTERM with exit code 0.
package client_test

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { os.Exit(starlingtest.Main(m)) }

// The kinds of clients, by their transports. client.mjs has the options that make them.
const (
	byWebSocket = "websocket"
	byPolling   = "polling"
	byDefault   = "default" // polling, and then the upgrade to WebSocket, while the conversation goes on
)

var kinds = []string{byWebSocket, byPolling, byDefault}

// need is what a scenario asks for that is not so by default.
type need struct {
	flags []string // of the server
	kinds []string // of clients; nil is each of them
	why   string   // not each of them
}

var needs = map[string]need{
	// Five pings take 1.5 s; a pong may be a second late, so that a busy machine fails nobody.
	"heartbeat": {flags: []string{"--ping-interval", "300ms", "--ping-timeout", "1s"}},
	"silence":   {flags: []string{"--ping-interval", "300ms", "--ping-timeout", "200ms"}},
	"path":      {flags: []string{"--path", "/chat/v1/"}},

	"agent": {
		kinds: []string{byPolling, byDefault},
		why:   "a WebSocket takes its connection for itself, and there is none left to share",
	},
	"compression": {
		kinds: []string{byPolling},
		why:   "it compresses the bodies of HTTP responses, and writes its requests itself",
	},
	"compression-off": {
		flags: []string{"--no-http-compression"},
		kinds: []string{byPolling},
		why:   "as compression",
	},
	"deflate": {
		flags: []string{"--per-message-deflate"},
		kinds: []string{byWebSocket, byDefault},
		why:   "it compresses the messages of a WebSocket",
	},
	"deflate-off": {
		kinds: []string{byWebSocket, byDefault},
		why:   "as deflate",
	},
	"goodbye": {
		kinds: []string{byPolling},
		why:   "it is about the requests that are, or are not, waiting when a session ends",
	},
	"polling-only": {
		flags: []string{"--transports", "polling"},
		kinds: []string{byDefault},
		why:   "it sets the transports of each client itself",
	},
	"remember": {
		kinds: []string{byDefault},
		why:   "only a client with two transports has an upgrade to remember",
	},
	"upgrade": {
		flags: []string{"--loops", "4"}, // the requests of a session come in on any of them
		kinds: []string{byDefault},
		why:   "the others do not upgrade",
	},
	"upgrade-end": {
		kinds: []string{byDefault},
		why:   "as upgrade",
	},
	"upgrade-off": {
		kinds: []string{byDefault},
		why:   "it takes from the client with two transports the wish to upgrade",
	},
	"websocket-only": {
		flags: []string{"--transports", "websocket"},
		kinds: []string{byDefault},
		why:   "it sets the transports of each client itself",
	},
}

func TestStockClient(t *testing.T) {
	node, names := findNode(t), starlingtest.Scenarios(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, name := range names {
				if of := needs[name].kinds; of != nil && !slices.Contains(of, kind) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					conversation{t, node, name, kind}.hold()
				})
			}
		})
	}
}

// TestNeeds holds the table of needs against the files it is about.
func TestNeeds(t *testing.T) {
	names := starlingtest.Scenarios(t)
	for name, need := range needs {
		if !slices.Contains(names, name) {
			t.Errorf("there is no scenario %q", name)
		}
		if (need.kinds == nil) != (need.why == "") {
			t.Errorf("%s: a scenario that is not for each kind of client says why, and no other does", name)
		}
		for _, kind := range need.kinds {
			if !slices.Contains(kinds, kind) {
				t.Errorf("%s: there are no clients of the kind %q", name, kind)
			}
		}
	}
}

// findNode skips the test on a machine without Node.js.
func findNode(t *testing.T) string {
	t.Helper()
	node := starlingtest.FindTool(t, "node")
	if _, err := os.Stat("node_modules/socket.io-client"); err != nil {
		t.Fatal("the stock client is not installed: run `make test`, or `npm ci` in test/client")
	}
	return node
}

// conversation is one scenario with one kind of client.
type conversation struct {
	*testing.T
	node, name, kind string
}

func (c conversation) hold() {
	var addr []string
	if c.name == "restart" {
		addr = []string{"--addr", reusableAddr(c.T)}
	}
	s := c.serve(addr...)
	c.talk(&s)
	s.Stop(c.T)
}

func (c conversation) serve(flags ...string) *starlingtest.Server {
	return starlingtest.Start(c.T, starlingtest.Serve(c.T, slices.Concat(needs[c.name].flags, flags)...))
}

// talk runs the scenario to its end. The scenario may ask for a restart of the server; *s is then the new one.
func (c conversation) talk(s **starlingtest.Server) {
	c.Helper()
	hear := func(line string) string {
		if line != "restart the server" {
			c.Logf("%s says: %s", c.name, line)
			return ""
		}
		(*s).Stop(c.T)
		*s = c.serve("--addr", (*s).Addr)
		return "restarted"
	}
	starlingtest.Converse(c.T, hear, c.node, filepath.Join("scenarios", c.name+".mjs"), "http://"+(*s).Addr, c.kind)
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
