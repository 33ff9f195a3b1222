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
	"syscall"
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

// The formats of packets, by their flags.
var formats = map[string][]string{
	"standard": nil,
	"msgpack":  {"--parser", "msgpack"},
}

// inMsgpack are the scenarios that are held with msgpack too: they are about packets, and the others about what carries
// them. "binary" is not among them, because the npm package sends all of the memory that a view is a part of, and neither is
// "prototype", because it cannot read a key "__proto__"; "msgpack" has bytes of its own.
var inMsgpack = []string{
	"acks", "auth", "delivery", "disconnect", "namespaces", "order", "reconnect", "recovery", "recovery-quiet", "rooms",
	"shutdown", "stranger", "unicode",
}

// need is what a scenario asks for that is not so by default.
type need struct {
	flags []string // of the server
	kinds []string // of clients; nil is each of them
	why   string   // not each of them

	restarts bool // the server, at the same address
}

var needs = map[string]need{
	"heartbeat": {flags: []string{"--ping-interval", "300ms"}},
	// Who does not keep silent may be as late with a pong on a busy machine.
	"silence": {flags: []string{"--ping-interval", "300ms", "--ping-timeout", "3s"}},
	"path":    {flags: []string{"--path", "/chat/v1/"}},
	"restart": {restarts: true},
	// With one loop it is one client after the other, 125 ms apart.
	"shutdown": {flags: []string{"--shutdown-notice", "closing time", "--drain-time", "5s", "--loops", "1"}},

	"shutdown-at-once": {
		flags: []string{"--shutdown-notice", "closing time"},
		kinds: []string{byWebSocket},
		why:   "who polls, or upgrades, has no time left to ask for the notice",
	},

	"msgpack":          {flags: []string{"--parser", "msgpack"}},
	"recovery":         {flags: []string{"--recovery", "10m"}},
	"recovery-bounds":  {flags: []string{"--recovery", "10m", "--recovery-room-max", "5000", "--recovery-max", "100000"}},
	"recovery-lost":    {flags: []string{"--recovery", "10m"}},
	"recovery-quiet":   {flags: []string{"--recovery", "10m"}},
	"recovery-unknown": {flags: []string{"--recovery", "10m"}, restarts: true},

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
		flags: []string{"--loops", "1"}, // who is answered knows that what was sent before has come in, on any connection
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
	holdAll(t, "standard", starlingtest.Scenarios(t))
}

func TestStockClientInMsgpack(t *testing.T) {
	holdAll(t, "msgpack", inMsgpack)
}

func holdAll(t *testing.T, format string, names []string) {
	t.Parallel()
	node := findNode(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, name := range names {
				if of := needs[name].kinds; of != nil && !slices.Contains(of, kind) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					(&conversation{T: t, node: node, name: name, kind: kind, format: format}).hold()
				})
			}
		})
	}
}

// TestNeeds holds the table of needs against the files it is about.
func TestNeeds(t *testing.T) {
	names := starlingtest.Scenarios(t)
	for _, name := range inMsgpack {
		if !slices.Contains(names, name) {
			t.Errorf("there is no scenario %q to hold with msgpack", name)
		}
	}
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
	node, name, kind, format string

	server   *starlingtest.Server
	stopping bool // the scenario has had it stopped
}

func (c *conversation) hold() {
	var addr []string
	if needs[c.name].restarts {
		addr = []string{"--addr", reusableAddr(c.T)}
	}
	c.serve(addr...)
	starlingtest.Converse(c.T, c.hear, c.node, filepath.Join("scenarios", c.name+".mjs"), "http://"+c.server.Addr, c.kind, c.format)
	if !c.stopping {
		c.server.Stop(c.T)
		return
	}
	if state := c.server.Wait(c.T); state.ExitCode() != 0 {
		c.Errorf("the server ended with %v, want exit code 0", state)
	}
}

func (c *conversation) serve(flags ...string) {
	c.server = starlingtest.Start(c.T, starlingtest.Serve(c.T, slices.Concat(formats[c.format], needs[c.name].flags, flags)...))
}

// hear does what the scenario asks for.
func (c *conversation) hear(line string) (answer string) {
	switch line {
	case "restart the server":
		c.server.Stop(c.T)
		c.serve("--addr", c.server.Addr)
		return "restarted"
	case "stop the server":
		c.stopping = true
		c.server.Signal(c.T, syscall.SIGTERM)
		return "stopping"
	default:
		c.Logf("%s says: %s", c.name, line)
		return ""
	}
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
