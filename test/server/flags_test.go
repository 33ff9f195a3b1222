package server_test

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// wrongValues has, for each flag of starling serve, a value that cannot work and what the server says of it: the flag, the
// value, and what it would have taken. None is the value of a secret.
var wrongValues = map[string]struct{ value, says string }{
	"config":                {"/nowhere/starling.yaml", "--config: open /nowhere/starling.yaml: no such file or directory"},
	"dev":                   {"perhaps", "--dev: bool value must be true, 1, yes, false, 0 or no but got"},
	"addr":                  {"localhost", "--addr must be host:port, with a port from 0 to 65535, not localhost"},
	"path":                  {"io", "--path must be a path that begins with a slash, not io"},
	"transports":            {"smoke", "--transports must be polling, websocket or both, not smoke"},
	"loops":                 {"257", "--loops must be within 0 and 256, not 257"},
	"ping-interval":         {"99ms", "--ping-interval must be within 100ms and 24h, not 99ms"},
	"ping-timeout":          {"25h", "--ping-timeout must be within 100ms and 24h, not 25h0m0s"},
	"connect-timeout":       {"0s", "--connect-timeout must be within 100ms and 24h, not 0s"},
	"upgrade-timeout":       {"0s", "--upgrade-timeout must be within 100ms and 24h, not 0s"},
	"drain-timeout":         {"-1s", "--drain-timeout must be within 100ms and 24h, not -1s"},
	"drain-time":            {"-1s", "--drain-time must be within 0s and 24h, not -1s"},
	"shutdown-notice":       {"disconnect", `--shutdown-notice "disconnect" is a reserved event`},
	"parser":                {"xml", "--parser must be standard or msgpack, not xml"},
	"recovery":              {"99ms", "--recovery must be 0, or within 100ms and 24h, not 99ms"},
	"recovery-room-max":     {"0", "--recovery-room-max must be within 1 and 17592186044416, not 0"},
	"recovery-max":          {"1000", "--recovery-max must be at least --recovery-room-max, not 1000"},
	"max-payload":           {"0", "--max-payload must be within 1 and 1073741824, not 0"},
	"max-connect-payload":   {"0", "--max-connect-payload must be within 1 and 1073741824, not 0"},
	"control-rate":          {"0", "--control-rate must be within 1 and 1000000000, not 0"},
	"origins":               {"https://*.*", `--origins: "https://*.*": a wildcard can only stand for the first labels of a host name`},
	"credentials":           {"true", "--origins: credentials go to listed origins only, not to *"},
	"cookie":                {"a b", "--cookie must be a name without spaces and separators, not a b"},
	"trusted-proxies":       {"10.0.0.0/99", `--trusted-proxies: "10.0.0.0/99": not an address, a CIDR range, loopback or private`},
	"proxy-protocol":        {"true", "--proxy-protocol must come with --trusted-proxies, not true"},
	"connect-rate":          {"-1", "--connect-rate must be within 0 and 2147483647, not -1"},
	"http-compression":      {"perhaps", "--http-compression: bool value must be true, 1, yes, false, 0 or no but got"},
	"per-message-deflate":   {"perhaps", "--per-message-deflate: bool value must be true, 1, yes, false, 0 or no but got"},
	"client":                {"perhaps", "--client: bool value must be true, 1, yes, false, 0 or no but got"},
	"connections-max":       {"-1", "--connections-max must be within 0 and 2147483647, not -1"},
	"outbound-per-conn-max": {"0", "--outbound-per-conn-max must be within 1 and 17592186044416, not 0"},
	"outbound-max":          {"1000", "--outbound-max must be at least --outbound-per-conn-max, not 1000"},
	"handlers-max":          {"0", "--handlers-max must be within 1 and 2147483647, not 0"},
	"memory-max":            {"8", "--memory-max must be 0, or within 67108864 and 17592186044416, not 8"},
	"share-addr":            {"perhaps", "--share-addr: bool value must be true, 1, yes, false, 0 or no but got"},
	"log-format":            {"xml", "--log-format must be text or json, not xml"},
	"log-level":             {"loud", "--log-level must be debug, info, warn or error, not loud"},

	"jwt-secret":          {"hush", "--jwt-secret must have 32 bytes or more"},
	"jwt-secret-file":     {"/nowhere/secret", "open /nowhere/secret: no such file or directory"},
	"jwt-public-key-file": {"/nowhere/key.pem", "open /nowhere/key.pem: no such file or directory"},
	"jwks-url":            {"ftp://a.example", "--jwks-url must be an http or https URL"},
	"jwks-refresh":        {"1s", "--jwks-refresh must be within 1m and 24h, not 1s"},
	"jwt-algorithms":      {"none", "--jwt-algorithms must be among HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, not none"},
	"jwt-leeway":          {"1h", "--jwt-leeway must be within 0s and 5m, not 1h0m0s"},
	"anonymous":           {"perhaps", "--anonymous: bool value must be true, 1, yes, false, 0 or no but got"},

	"namespaces":                  {"admin", "--namespaces must be different names that begin with a slash, not admin"},
	"client-events":               {"a*b", "--client-events must be names of events, with no * but at the end, not a*b"},
	"events-rate":                 {"-1", "--events-rate must be within 0 and 1000000000, not -1"},
	"events-burst":                {"0", "--events-burst must be within 1 and 2147483647, not 0"},
	"bytes-rate":                  {"1e6", "--bytes-rate: must be within 0 and 1000000000, not 1e6"},
	"bytes-burst":                 {"0", "--bytes-burst must be within 1 and 1073741824, not 0"},
	"connections-per-user-max":    {"-1", "--connections-per-user-max must be within 0 and 2147483647, not -1"},
	"connections-per-address-max": {"-1", "--connections-per-address-max must be within 0 and 2147483647, not -1"},
	"rooms-per-socket-max":        {"0", "--rooms-per-socket-max must be within 1 and 2147483647, not 0"},

	"api-addr":            {"9090", "--api-addr must be empty, or host:port with a port from 0 to 65535, not 9090"},
	"api-keys":            {"hush", "--api-keys must have 16 to 512 printable ASCII characters each, and no spaces"},
	"api-key-file":        {"/nowhere/keys.yaml", "open /nowhere/keys.yaml: no such file or directory"},
	"api-event-bytes-max": {"0", "--api-event-bytes-max must be within 1 and 67108864, not 0"},
	"metrics-public":      {"perhaps", "--metrics-public: bool value must be true, 1, yes, false, 0 or no but got"},
	"pprof":               {"perhaps", "--pprof: bool value must be true, 1, yes, false, 0 or no but got"},

	"webhook-url":           {"a.example", "--webhook-url must be an http or https URL"},
	"webhook-secret":        {"hush", "--webhook-secret must have 32 bytes or more"},
	"webhook-secret-file":   {"/nowhere/secret", "--webhook-secret must come with --webhook-url"},
	"webhook-hooks":         {"leave", "--webhook-hooks must be among connect, join, event, connected, disconnected, room_occupied, room_vacated, not leave"},
	"webhook-events":        {"*:a", "--webhook-events must be names of events, with no * but at the end, not *:a"},
	"webhook-timeout":       {"5", "--webhook-timeout: must be within 100ms and 1m, not 5: a time has a unit"},
	"webhook-rate":          {"0", "--webhook-rate must be within 1 and 2147483647, not 0"},
	"webhook-queue-max":     {"0", "--webhook-queue-max must be within 1 and 2147483647, not 0"},
	"webhook-in-flight-max": {"0", "--webhook-in-flight-max must be within 1 and 2147483647, not 0"},
}

// anything are the flags that take all texts.
var anything = []string{"jwt-issuer", "jwt-audience", "token-query"}

// TestWrongValues starts a server that would start, but for one value, on the command line and in the environment.
func TestWrongValues(t *testing.T) {
	binary := starlingtest.ServerBinary(t)
	flags := flagsOf(t, "serve")
	for _, flag := range flags {
		wrong, ok := wrongValues[flag]
		if !ok {
			if !slices.Contains(anything, flag) {
				t.Errorf("--%s has no row in wrongValues", flag)
			}
			continue
		}
		t.Run(flag, func(t *testing.T) {
			begin := []string{"serve", "--dev", "--addr=127.0.0.1:0", "--api-addr=127.0.0.1:0"}
			begin = slices.DeleteFunc(begin, func(arg string) bool { return strings.HasPrefix(arg+"=", "--"+flag+"=") })
			onLine := exec.Command(binary, append(begin[:len(begin):len(begin)], "--"+flag+"="+wrong.value)...)
			inEnv := exec.Command(binary, begin...)
			inEnv.Env = starlingtest.Environ(variable(flag) + "=" + wrong.value)
			for where, cmd := range map[string]*exec.Cmd{"on the command line": onLine, "in the environment": inEnv} {
				o := finish(t, cmd)
				if o.code != 2 || o.out != "" || !strings.Contains(o.err, "starling: ") || !strings.Contains(o.err, wrong.says) || strings.Contains(o.err, "hush") {
					t.Errorf("%s: exit code %d, %q and %q; want 2 and %q", where, o.code, o.out, o.err, wrong.says)
				}
			}
		})
	}
	if len(flags) != len(wrongValues)+len(anything) {
		t.Errorf("wrongValues has %d rows and anything %d, and there are %d flags: %q", len(wrongValues), len(anything), len(flags), flags)
	}
	for _, flag := range flagsOf(t, "roomapp") {
		if !slices.Contains(flags, flag) {
			t.Errorf("roomapp has --%s, and serve has not", flag)
		}
	}
}

// flagsOf are the flags that the help of a command lists, less --help itself.
func flagsOf(t *testing.T, command string) []string {
	t.Helper()
	help := finish(t, exec.Command(starlingtest.ServerBinary(t), command, "--help"))
	var flags []string
	for _, match := range regexp.MustCompile(`(?m)^  --(?:\[no-\])?([a-z-]+)`).FindAllStringSubmatch(help.out, -1) {
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
		{"serve --help", 0, "Usage: starling serve [flags]", ""},
		{"init sysctl", 0, "net.core.somaxconn = ", ""},
		{"config check --dev", 0, "the settings are right\n", ""},
		{"config print --dev", 0, "dev: true                                    # flag\n", ""},
		{"serve", 2, "", "nobody could connect: say whose tokens are believed (STARLING_JWT_SECRET, --jwt-secret-file, --jwt-public-key-file, --jwks-url)"},
		{"", 2, "", `expected one of "serve", "token", "config", "doctor", "init", ...`},
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
	cmd.Env = starlingtest.Environ("STARLING_ADDR=127.0.0.1:0", "STARLING_LOG_FORMAT=json", "STARLING_CONNECTIONS_MAX=1",
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
