package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// other has for each setting a value that is not its default, as it is on the command line and in the environment.
var other = map[string]string{
	"config": "", "dev": "false", // which are looked at elsewhere
	"addr": "127.0.0.1:1", "path": "/io/", "transports": "polling", "loops": "2", "share-addr": "true", "client": "false",
	"ping-interval": "1s", "ping-timeout": "2s", "connect-timeout": "3s", "upgrade-timeout": "4s", "max-payload": "5", "parser": "msgpack",
	"http-compression": "false", "per-message-deflate": "true",
	"origins": "https://a.example,https://b.example", "credentials": "true", "cookie": "io", "trusted-proxies": "loopback,10.0.0.0/8", "proxy-protocol": "true",
	"connections-max": "6", "connect-rate": "7", "outbound-per-conn-max": "8", "outbound-max": "1048577", "handlers-max": "9", "max-connect-payload": "26", "control-rate": "27", "memory-max": "67108864",
	"recovery": "10s", "recovery-room-max": "11", "recovery-max": "1048578", "drain-time": "12s", "drain-timeout": "13s", "shutdown-notice": "bye",
	"log-format": "json", "log-level": "warn",
	"jwt-secret": "0123456789abcdef0123456789abcdef", "jwt-secret-file": "a,b", "jwt-public-key-file": "c", "jwks-url": "https://a.example/jwks",
	"jwks-refresh": "2m", "jwt-algorithms": "HS256,RS256", "jwt-issuer": "me", "jwt-audience": "you", "jwt-leeway": "0s", "token-query": "token", "anonymous": "true",
	"namespaces": "/,/b", "client-events": "chat", "events-rate": "14", "events-burst": "15", "bytes-rate": "16", "bytes-burst": "17",
	"connections-per-user-max": "18", "connections-per-address-max": "19", "rooms-per-socket-max": "20",
	"api-addr": "127.0.0.1:2", "api-keys": "0123456789abcdef", "api-key-file": "d", "api-event-bytes-max": "21", "metrics-public": "true", "pprof": "true",
	"webhook-url": "https://a.example/hook", "webhook-secret": "fedcba9876543210fedcba9876543210", "webhook-secret-file": "e", "webhook-hooks": "connect",
	"webhook-events": "say:*", "webhook-timeout": "22s", "webhook-rate": "23", "webhook-queue-max": "24", "webhook-in-flight-max": "25",
}

// beside are the flags that others need beside them.
var beside = map[string][]string{
	"credentials":           {"--origins=https://a.example"},
	"proxy-protocol":        {"--trusted-proxies=loopback"},
	"webhook-secret":        {"--webhook-url=https://a.example"},
	"webhook-secret-file":   {"--webhook-url=https://a.example"},
	"outbound-per-conn-max": nil,
}

// write makes a file of settings.
func write(t *testing.T, content string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "starling.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestEveryFlagIsInTheEnvironmentAndTheFile gives each setting a value by each of the three ways. TestPrecedence has them
// together.
func TestEveryFlagIsInTheEnvironmentAndTheFile(t *testing.T) {
	defaults := parse(t, nil, "serve", "--dev")
	for _, flag := range defaults.node.Flags {
		name := flag.Name
		value, ok := other[name]
		if !ok {
			t.Errorf("there is no value for --%s", name)
		}
		if value == "" || name == "dev" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var shown []string
			line := "--" + name + "=" + value
			file := "--config=" + write(t, name+": "+yamlString(value)+"\n")
			env := variable(name) + "=" + value
			for _, way := range []struct {
				environ []string
				args    []string
				want    string
			}{
				{nil, []string{file}, "file " + strings.TrimPrefix(file, "--config=") + ":1"},
				{[]string{env}, nil, "env " + variable(name)},
				{nil, []string{line}, "flag"},
			} {
				args := append([]string{"config", "check"}, append(way.args, beside[name]...)...)
				if name != "addr" && name != "origins" {
					args = append(args, "--dev")
				} else {
					args = append(args, "--anonymous", "--api-addr=")
				}
				p := parse(t, way.environ, args...)
				if p.err != nil {
					t.Fatalf("%q: %v", args, p.err)
				}
				if got := p.src.origins[name].String(); got != way.want {
					t.Errorf("it comes from %q, want %q", got, way.want)
				}
				shown = append(shown, fmt.Sprint(p.flag(t, name).Target.Interface()))
			}
			if was := fmt.Sprint(flag.Target.Interface()); shown[0] == was || len(slices.Compact(shown)) != 1 {
				t.Errorf("it is %q, and %q by default", shown, was)
			}
		})
	}
	for name := range other {
		defaults.flag(t, name)
	}
}

func TestPrecedence(t *testing.T) {
	file := "--config=" + write(t, "loops: 1\n")
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		want    int
	}{
		{"nothing", nil, nil, 0},
		{"the file", nil, []string{file}, 1},
		{"the environment", []string{"STARLING_LOOPS=2"}, []string{file}, 2},
		{"the command line", []string{"STARLING_LOOPS=2"}, []string{file, "--loops=3"}, 3},
		{"the command line, with a mistake elsewhere", []string{"STARLING_LOOPS=two"}, []string{"--loops=3"}, 3},
		{"a file that the environment names", []string{"STARLING_CONFIG=" + file[9:]}, nil, 1},
		{"a file that only the environment names", []string{"STARLING_CONFIG=/nowhere"}, []string{file}, 1},
		{"no file in spite of the environment", []string{"STARLING_CONFIG=/nowhere"}, []string{"--config="}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := parse(t, tc.environ, append([]string{"serve", "--dev"}, tc.args...)...)
			if p.err != nil || p.cli.Serve.Loops != tc.want {
				t.Errorf("%d loops and %v, want %d", p.cli.Serve.Loops, p.err, tc.want)
			}
		})
	}
}

func TestDevIsForThisMachine(t *testing.T) {
	for _, tc := range []struct{ name, args, addr, origins string }{
		{"nothing else", "--dev", "127.0.0.1:8080", "*"},
		{"no development", "--anonymous --api-addr=", ":8080", ""},
		{"an address", "--dev --addr=:9", ":9", "*"},
		{"the address that is the default", "--dev --addr=:8080", ":8080", "*"},
		{"a page", "--dev --origins=https://a.example", "127.0.0.1:8080", "https://a.example"},
		{"no page", "--dev --origins=", "127.0.0.1:8080", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := parse(t, nil, append([]string{"serve"}, strings.Fields(tc.args)...)...)
			if c := p.cli.Serve; p.err != nil || c.Addr != tc.addr || strings.Join(c.Origins, ",") != tc.origins {
				t.Errorf("%v; it listens on %s, for pages of %q; want %s and %q", p.err, c.Addr, c.Origins, tc.addr, tc.origins)
			}
		})
	}
}

func TestMistakesOfTheEnvironment(t *testing.T) {
	for _, tc := range []struct{ name, variable, want string }{
		{"a number", "STARLING_LOOPS=two", "--loops: must be within 0 and 256, not two (env STARLING_LOOPS)"},
		{"a rule", "STARLING_LOOPS=257", "--loops must be within 0 and 256, not 257 (env STARLING_LOOPS)"},
		{"a time", "STARLING_PING_TIMEOUT=20", "--ping-timeout: must be within 100ms and 24h, not 20: a time has a unit, as 500ms, 90s and 1h30m have (env STARLING_PING_TIMEOUT)"},
		{"a switch", "STARLING_CLIENT=maybe", `--client: bool value must be true, 1, yes, false, 0 or no but got "maybe" (env STARLING_CLIENT)`},
		{"a secret", "STARLING_JWT_SECRET=short", "--jwt-secret must have 32 bytes or more (env STARLING_JWT_SECRET)"},
		{"no UTF-8", "STARLING_JWT_SECRET=0123456789abcdef0123456789abcdef\xff", "--jwt-secret: must be UTF-8 (env STARLING_JWT_SECRET)"},
		{"no value", "STARLING_LOOPS=", "--loops: must be within 0 and 256, not  (env STARLING_LOOPS)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := says(parse(t, []string{tc.variable}, "serve", "--dev").err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestWarnings has the log tell what is suspicious.
func TestWarnings(t *testing.T) {
	const unknown = `level=WARN msg="there is no such setting: a variable of the environment is ignored" variable=`
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"nothing", []string{"HOME=/", "STARLING_LOOPS=1", "STARLING_CONFIG="}, nil, ""},
		{"a variable with a mistake", []string{"STARLING_LOPS=1"}, nil, unknown + "STARLING_LOPS nearest=STARLING_LOOPS\n"},
		{"a variable of somebody else", []string{"STARLING_HOUSE_COLOUR=1"}, nil, unknown + "STARLING_HOUSE_COLOUR\n"},
		{"a variable in small letters", []string{"STARLING_loops=1"}, nil, unknown + "STARLING_loops nearest=STARLING_LOOPS\n"},
		{"two", []string{"STARLING_B=1", "STARLING_A=1"}, nil, unknown + "STARLING_A\n" + unknown + "STARLING_B\n"},
		{"a service of Kubernetes", []string{
			"STARLING_SERVICE_HOST=10.0.0.1", "STARLING_SERVICE_PORT=80", "STARLING_SERVICE_PORT_HTTP=80", "STARLING_PORT=tcp://10.0.0.1:80",
			"STARLING_PORT_80_TCP=tcp://10.0.0.1:80", "STARLING_PORT_80_TCP_PROTO=tcp", "STARLING_PORT_80_TCP_PORT=80", "STARLING_PORT_80_TCP_ADDR=10.0.0.1",
			"STARLING_CONTROL_SERVICE_HOST=10.0.0.2", "STARLING_CONTROL_PORT_9090_TCP=tcp://10.0.0.2:9090",
		}, nil, ""},
		{"a secret in the environment", []string{"STARLING_JWT_SECRET=0123456789abcdef0123456789abcdef"}, nil, ""},
		{
			"a secret on the command line", nil,
			[]string{"--jwt-secret=0123456789abcdef0123456789abcdef"},
			`level=WARN msg="a secret is on the command line, where all users of the machine can see it: give it in the environment, or in a file" ` +
				"flag=--jwt-secret variable=STARLING_JWT_SECRET\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := parse(t, tc.environ, append([]string{"serve", "--dev"}, tc.args...)...)
			if p.err != nil {
				t.Fatal(p.err)
			}
			var log strings.Builder
			p.src.warn(slog.New(slog.NewTextHandler(&log, nil)))
			if got := withoutTime(log.String()); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestRoomappTakesTheEnvironmentOfServe has it warn of nothing that serve knows.
func TestRoomappTakesTheEnvironmentOfServe(t *testing.T) {
	p := parse(t, []string{"STARLING_LOOPS=3", "STARLING_EVENTS_RATE=4"}, "roomapp")
	var log strings.Builder
	p.src.warn(slog.New(slog.NewTextHandler(&log, nil)))
	if p.err != nil || p.cli.Roomapp.Loops != 3 || log.Len() > 0 {
		t.Errorf("%v; %d loops, and the log says %q", p.err, p.cli.Roomapp.Loops, &log)
	}
}
