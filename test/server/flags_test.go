package server_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// wrongValues has, for each flag of starling roomapp, a value that cannot work and what the server says of it: the flag,
// and what it would have taken.
var wrongValues = map[string]struct{ value, says string }{
	"addr":                  {"localhost", "--addr must be host:port, with a port from 0 to 65535, not localhost"},
	"path":                  {"io", "--path must begin with a slash, not io"},
	"transports":            {"smoke", "--transports must be polling, websocket or both, not smoke"},
	"loops":                 {"257", "--loops must be within 0 and 256, not 257"},
	"ping-interval":         {"99ms", "--ping-interval must be within 100ms and 24h, not 99ms"},
	"ping-timeout":          {"25h", "--ping-timeout must be within 100ms and 24h, not 25h0m0s"},
	"connect-timeout":       {"0s", "--connect-timeout must be within 100ms and 24h, not 0s"},
	"upgrade-timeout":       {"0s", "--upgrade-timeout must be within 100ms and 24h, not 0s"},
	"drain-timeout":         {"-1s", "--drain-timeout must be within 100ms and 24h, not -1s"},
	"drain-time":            {"-1s", "--drain-time must be within 0s and 24h, not -1s"},
	"shutdown-notice":       {"disconnect", `ShutdownNotice "disconnect" is a reserved event`},
	"parser":                {"xml", `--parser must be one of "standard","msgpack" but got "xml"`},
	"recovery":              {"99ms", "--recovery must be 0s, or within 100ms and 24h, not 99ms"},
	"recovery-room-max":     {"0", "--recovery-room-max must be at least 1, not 0"},
	"recovery-max":          {"1000", "--recovery-max must be at least --recovery-room-max, not 1000"},
	"max-payload":           {"0", "--max-payload must be within 1 and 1073741824, not 0"},
	"origins":               {"https://*.*", `Origins: "https://*.*"`},
	"credentials":           {"true", "--credentials must come with --origins, not true"},
	"cookie":                {"a b", "Cookie: "},
	"trusted-proxies":       {"10.0.0.0/99", `TrustedProxies: "10.0.0.0/99"`},
	"proxy-protocol":        {"true", "--proxy-protocol must come with --trusted-proxies, not true"},
	"connect-rate":          {"-1", "--connect-rate must be 0 or more, not -1"},
	"http-compression":      {"perhaps", "--http-compression: bool value must be true, 1, yes, false, 0 or no but got"},
	"per-message-deflate":   {"perhaps", "--per-message-deflate: bool value must be true, 1, yes, false, 0 or no but got"},
	"client":                {"perhaps", "--client: bool value must be true, 1, yes, false, 0 or no but got"},
	"connections-max":       {"-1", "--connections-max must be 0 or more, not -1"},
	"outbound-per-conn-max": {"0", "--outbound-per-conn-max must be at least 1, not 0"},
	"outbound-max":          {"1000", "--outbound-max must be at least --outbound-per-conn-max, not 1000"},
	"handlers-max":          {"0", "--handlers-max must be at least 1, not 0"},
	"share-addr":            {"perhaps", "--share-addr: bool value must be true, 1, yes, false, 0 or no but got"},
	"log-format":            {"xml", `--log-format must be one of "text","json" but got "xml"`},
	"log-level":             {"loud", `--log-level must be one of "debug","info","warn","error" but got "loud"`},
}

func TestWrongValues(t *testing.T) {
	binary := starlingtest.ServerBinary(t)
	flags := appFlags(t)
	for _, flag := range flags {
		wrong, ok := wrongValues[flag]
		if !ok {
			t.Errorf("--%s has no row in wrongValues", flag)
			continue
		}
		t.Run(flag, func(t *testing.T) {
			onLine := exec.Command(binary, "roomapp", "--"+flag+"="+wrong.value)
			inEnv := exec.Command(binary, "roomapp")
			inEnv.Env = append(os.Environ(), variable(flag)+"="+wrong.value)
			for where, cmd := range map[string]*exec.Cmd{"on the command line": onLine, "in the environment": inEnv} {
				o := finish(t, cmd)
				if o.code != 2 || o.out != "" || !strings.Contains(o.err, wrong.says) {
					t.Errorf("%s: exit code %d, %q and %q; want 2 and %q", where, o.code, o.out, o.err, wrong.says)
				}
			}
		})
	}
	if len(flags) != len(wrongValues) {
		t.Errorf("wrongValues has %d rows, and there are %d flags: %q", len(wrongValues), len(flags), flags)
	}
}

// appFlags are the flags that the help of starling roomapp lists, less --help itself.
func appFlags(t *testing.T) []string {
	t.Helper()
	help := finish(t, exec.Command(starlingtest.ServerBinary(t), "roomapp", "--help"))
	var flags []string
	for _, match := range regexp.MustCompile(`(?m)^ +--(?:\[no-\])?([a-z-]+)`).FindAllStringSubmatch(help.out, -1) {
		flags = append(flags, match[1])
	}
	if len(flags) == 0 {
		t.Fatalf("no flags in the help: %q", help.out)
	}
	return flags
}

// variable is the environment variable that stands for a flag.
func variable(flag string) string {
	return "STARLING_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func TestCommandsThatEnd(t *testing.T) {
	binary := starlingtest.ServerBinary(t)
	for _, tc := range []struct {
		args     string
		code     int
		out, err string // "" for nothing at all
	}{
		{"version", 0, "starling ", ""},
		{"--help", 0, "Usage: starling <command>", ""},
		{"-h", 0, "Usage: starling <command>", ""},
		{"roomapp --help", 0, "Usage: starling roomapp [flags]", ""},
		{"", 2, "", `expected one of "roomapp", "version"`},
		{"fly", 2, "", "unexpected argument fly"},
		{"roomapp --fly", 2, "", "unknown flag --fly"},
		{"roomapp fly", 2, "", "unexpected argument fly"},
		{"roomapp --loops many", 2, "", "--loops"},
		{"roomapp --ping-interval 5", 2, "", "--ping-interval"},
	} {
		t.Run("starling "+tc.args, func(t *testing.T) {
			o := finish(t, exec.Command(binary, strings.Fields(tc.args)...))
			said := func(got, want string) bool { return strings.Contains(got, want) && (want != "" || got == "") }
			if o.code != tc.code || !said(o.out, tc.out) || !said(o.err, tc.err) {
				t.Errorf("exit code %d, %q and %q; want %d, %q and %q", o.code, o.out, o.err, tc.code, tc.out, tc.err)
			}
		})
	}
}

// opened is the data of an open packet, as far as flags decide on it.
type opened struct{ PingInterval, PingTimeout, MaxPayload int }

// TestEnvironment starts a server that is told everything by its environment, and a flag on top.
func TestEnvironment(t *testing.T) {
	cmd := exec.Command(starlingtest.ServerBinary(t), "roomapp", "--ping-timeout", "10m")
	cmd.Env = append(os.Environ(), "STARLING_ADDR=127.0.0.1:0", "STARLING_LOG_FORMAT=json", "STARLING_CONNECTIONS_MAX=1",
		"STARLING_PING_INTERVAL=1s", "STARLING_PING_TIMEOUT=9s", "STARLING_MAX_PAYLOAD=5000")
	s := starlingtest.Start(t, cmd)
	c := mustJoin(t, s.Addr)
	var got opened
	if err := json.Unmarshal([]byte(c.open), &got); err != nil {
		t.Fatalf("the open packet holds %s: %v", c.open, err)
	}
	if want := (opened{1000, 600_000, 5000}); got != want { // of the ping timeouts that of the flag
		t.Errorf("the open packet says %+v, want %+v", got, want)
	}
	if second, err := join(s.Addr); err == nil {
		second.Close()
		t.Error("STARLING_CONNECTIONS_MAX=1 let two clients in")
	}
	if packet, err := c.ReadFrame(); err != nil || string(packet.Payload) != "2" {
		t.Errorf("the first heartbeat is %q, %v", packet.Payload, err)
	}
}

func TestConnectionsThatDoNotFit(t *testing.T) {
	serve := func(connections string) *exec.Cmd {
		return starlingtest.WithFiles(256, starlingtest.Serve(t, "--connections-max", connections))
	}
	o := finish(t, serve("129"))
	if want := "--connections-max 129 does not fit into the limit of 256 open files: use at most 128"; o.code != 2 || !strings.Contains(o.err, want) {
		t.Errorf("exit code %d and %q, want 2 and %q", o.code, o.err, want)
	}
	starlingtest.Start(t, serve("128")).Stop(t)
}

func TestAddressInUse(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t))
	o := finish(t, starlingtest.Serve(t, "--addr", s.Addr))
	if o.code != 1 || !strings.Contains(o.err, "--addr "+s.Addr) || !strings.Contains(o.err, "address already in use") {
		t.Errorf("exit code %d and %q, want 1 and the address", o.code, o.err)
	}
	mustJoin(t, s.Addr) // the first one is still there
}
