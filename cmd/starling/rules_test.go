package main

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/eventloop"
	"starling/gateway"
	"starling/gateway/access"
	"starling/gateway/control"
	"starling/gateway/webhook"
	"starling/hub"
)

func TestDefaultsAreTheLibraries(t *testing.T) {
	p := parse(t, nil, "serve", "--dev")
	if p.err != nil {
		t.Fatal(p.err)
	}
	c := p.cli.Serve
	for _, tc := range []struct {
		flag      string
		got, want any
	}{
		{"path", c.Path, hub.PathDefault},
		{"ping-interval", c.PingInterval, hub.PingIntervalDefault},
		{"ping-timeout", c.PingTimeout, hub.PingTimeoutDefault},
		{"max-payload", c.MaxPayload, hub.PayloadBytesMaxDefault},
		{"max-connect-payload", c.MaxConnectPayload, hub.ConnectPayloadBytesMaxDefault},
		{"control-rate", c.ControlRate, hub.ControlRateMaxDefault},
		{"connect-timeout", c.ConnectTimeout, hub.ConnectTimeoutDefault},
		{"drain-timeout", c.DrainTimeout, hub.ShutdownTimeoutDefault},
		{"handlers-max", c.HandlersMax, hub.HandlersMaxDefault},
		{"recovery-room-max", c.RecoveryRoomMax, hub.RecoveryRoomBytesMaxDefault},
		{"recovery-max", c.RecoveryMax, hub.RecoveryBytesMaxDefault},
		{"outbound-per-conn-max", c.OutboundPerConnMax, eventloop.OutboundBytesPerConnMax},
		{"outbound-max", c.OutboundMax, eventloop.OutboundBytesMax},
		{"jwks-refresh", c.JWKSRefresh, access.JWKSRefreshDefault},
		{"events-rate", c.EventsRate, gateway.EventsRateDefault},
		{"events-burst", c.EventsBurst, gateway.EventsBurstDefault},
		{"bytes-rate", c.BytesRate, gateway.BytesRateDefault},
		{"bytes-burst", c.BytesBurst, gateway.BytesBurstDefault},
		{"connections-per-user-max", c.ConnectionsPerUserMax, gateway.SocketsPerUserMaxDefault},
		{"rooms-per-socket-max", c.RoomsPerSocketMax, gateway.RoomsPerSocketMaxDefault},
		{"api-event-bytes-max", c.APIEventBytesMax, control.EventBytesMaxDefault},
		{"webhook-hooks", strings.Join(c.WebhookHooks, ","), strings.Join(gateway.Hooks, ",")},
		{"webhook-timeout", c.WebhookTimeout, webhook.TimeoutDefault},
		{"webhook-rate", c.WebhookRate, webhook.RateMaxDefault},
		{"webhook-queue-max", c.WebhookQueueMax, webhook.QueueMaxDefault},
		{"webhook-in-flight-max", c.WebhookInFlightMax, webhook.InFlightMaxDefault},
	} {
		if tc.got != tc.want {
			t.Errorf("--%s is %v by default, and the library's is %v", tc.flag, tc.got, tc.want)
		}
	}
}

// TestBoundsAreTheLibraries holds what package main repeats of the limits of packages that it does not see.
func TestBoundsAreTheLibraries(t *testing.T) {
	if eventBytesMax != control.EventBytesMaxMax || keyBytesMin != control.KeyBytesMin || keyBytesMax != control.KeyBytesMax ||
		access.SecretBytesMin != webhook.SecretBytesMin {
		t.Error("a bound of the control API or of webhooks is another one in its own package")
	}
	_, err := access.NewVerifier(context.Background(), access.VerifierConfig{Algorithms: algorithms})
	if !errors.Is(err, access.ErrNoKeys) {
		t.Errorf("with all algorithms, and without a key: %v", err)
	}
}

// TestRules has each bound of each flag from both sides.
func TestRules(t *testing.T) {
	secret := strings.Repeat("s", 32)
	key := strings.Repeat("k", 16)
	for _, tc := range []struct {
		name string
		args string // of starling config check --dev, by spaces
		want string // "" if it is allowed
	}{
		{"a port alone", "--addr=:0", ""},
		{"a port by name", "--addr=localhost:http", ""},
		{"the last port", "--addr=[::1]:65535", ""},
		{"no port", "--addr=localhost", "--addr must be host:port, with a port from 0 to 65535, not localhost"},
		{"a port too high", "--addr=:65536", "--addr must be host:port, with a port from 0 to 65535, not :65536"},
		{"an empty port", "--addr=:", "--addr must be host:port, with a port from 0 to 65535, not :"},
		{"no address", "--addr=", "--addr must be host:port, with a port from 0 to 65535, not "},
		{"the root", "--path=/", ""},
		{"a path without its slash", "--path=io/", "--path must be a path that begins with a slash, not io/"},
		{"no path", "--path=", "--path must be a path that begins with a slash, not "},
		{"one transport", "--transports=websocket", ""},
		{"no transport", "--transports=", "--transports must be polling, websocket or both, not "},
		{"a transport that is none", "--transports=polling,pigeon", "--transports must be polling, websocket or both, not polling,pigeon"},
		{"most loops", "--loops=256", ""},
		{"too many loops", "--loops=257", "--loops must be within 0 and 256, not 257"},
		{"negative loops", "--loops=-1", "--loops must be within 0 and 256, not -1"},

		{"shortest times", "--ping-interval=100ms --ping-timeout=100ms --connect-timeout=100ms --upgrade-timeout=100ms --drain-timeout=100ms --drain-time=0s --recovery=100ms --webhook-timeout=100ms", ""},
		{"longest times", "--ping-interval=24h --ping-timeout=24h --connect-timeout=24h --upgrade-timeout=24h --drain-timeout=24h --drain-time=24h --recovery=24h --webhook-timeout=1m", ""},
		{"ping interval too short", "--ping-interval=99999999ns", "--ping-interval must be within 100ms and 24h, not 99.999999ms"},
		{"ping interval too long", "--ping-interval=86400000000001ns", "--ping-interval must be within 100ms and 24h, not 24h0m0.000000001s"},
		{"no ping timeout", "--ping-timeout=0s", "--ping-timeout must be within 100ms and 24h, not 0s"},
		{"ping timeout too long", "--ping-timeout=25h", "--ping-timeout must be within 100ms and 24h, not 25h0m0s"},
		{"negative connect timeout", "--connect-timeout=-24h", "--connect-timeout must be within 100ms and 24h, not -24h0m0s"},
		{"connect timeout too long", "--connect-timeout=25h", "--connect-timeout must be within 100ms and 24h, not 25h0m0s"},
		{"no upgrade timeout", "--upgrade-timeout=0", "--upgrade-timeout must be within 100ms and 24h, not 0s"},
		{"no drain timeout", "--drain-timeout=0", "--drain-timeout must be within 100ms and 24h, not 0s"},
		{"drain timeout too long", "--drain-timeout=25h", "--drain-timeout must be within 100ms and 24h, not 25h0m0s"},
		{"negative drain time", "--drain-time=-1ns", "--drain-time must be within 0s and 24h, not -1ns"},
		{"drain time too long", "--drain-time=25h", "--drain-time must be within 0s and 24h, not 25h0m0s"},
		{"recovery too short", "--recovery=99ms", "--recovery must be 0, or within 100ms and 24h, not 99ms"},
		{"recovery too long", "--recovery=25h", "--recovery must be 0, or within 100ms and 24h, not 25h0m0s"},
		{"negative recovery", "--recovery=-1s", "--recovery must be 0, or within 100ms and 24h, not -1s"},
		{"webhook timeout too long", "--webhook-timeout=61s", "--webhook-timeout must be within 100ms and 1m, not 1m1s"},
		{"keys fetched too often", "--jwks-refresh=59s", "--jwks-refresh must be within 1m and 24h, not 59s"},
		{"clocks that differ too much", "--jwt-leeway=5m1s", "--jwt-leeway must be within 0s and 5m, not 5m1s"},
		{"clocks that agree", "--jwt-leeway=0s --jwks-refresh=1m", ""},

		{"least recovery of a room", "--recovery-room-max=1", ""},
		{"no recovery of a room", "--recovery-room-max=0", "--recovery-room-max must be within 1 and 17592186044416, not 0"},
		{"recovery of one room", "--recovery-room-max=9 --recovery-max=9", ""},
		{"recovery of no room", "--recovery-max=1048575", "--recovery-max must be at least --recovery-room-max, not 1048575"},
		{"smallest payload", "--max-payload=1", ""},
		{"largest payload", "--max-payload=1073741824", ""},
		{"no payload", "--max-payload=0", "--max-payload must be within 1 and 1073741824, not 0"},
		{"payload too large", "--max-payload=1073741825", "--max-payload must be within 1 and 1073741824, not 1073741825"},
		{"negative connections", "--connections-max=-1", "--connections-max must be within 0 and 2147483647, not -1"},
		{"least outbound per connection", "--outbound-per-conn-max=1", ""},
		{"no outbound per connection", "--outbound-per-conn-max=0", "--outbound-per-conn-max must be within 1 and 17592186044416, not 0"},
		{"outbound for one connection", "--outbound-per-conn-max=9 --outbound-max=9", ""},
		{"outbound for no connection", "--outbound-max=1048575", "--outbound-max must be at least --outbound-per-conn-max, not 1048575"},
		{"least memory", "--memory-max=67108864", ""},
		{"gigabytes by mistake", "--memory-max=8", "--memory-max must be 0, or within 67108864 and 17592186044416, not 8"},
		{"negative rate", "--connect-rate=-1", "--connect-rate must be within 0 and 2147483647, not -1"},
		{"smallest payload of a stranger", "--max-connect-payload=1", ""},
		{"payload of a stranger above all others'", "--max-connect-payload=2000 --max-payload=1000", ""},
		{"no payload of a stranger", "--max-connect-payload=0", "--max-connect-payload must be within 1 and 1073741824, not 0"},
		{"one control packet", "--control-rate=1", ""},
		{"no control packet", "--control-rate=0", "--control-rate must be within 1 and 1000000000, not 0"},
		{"one handler", "--handlers-max=1", ""},
		{"no handler", "--handlers-max=0", "--handlers-max must be within 1 and 2147483647, not 0"},
		{"no bounds", "--events-rate=0 --bytes-rate=0 --connections-per-user-max=0 --connections-per-address-max=0 --connect-rate=0", ""},

		{"another format", "--parser=msgpack", ""},
		{"a format that is none", "--parser=xml", "--parser must be standard or msgpack, not xml"},
		{"a log that is none", "--log-format=xml", "--log-format must be text or json, not xml"},
		{"a level that is none", "--log-level=loud", "--log-level must be debug, info, warn or error, not loud"},
		{"credentials for nobody", "--credentials --origins=", "--credentials must come with --origins, not true"},
		{"PROXY protocol from nobody", "--proxy-protocol", "--proxy-protocol must come with --trusted-proxies, not true"},
		{"a cookie that is none", "--cookie=a;b", "--cookie must be a name without spaces and separators, not a;b"},

		{"a secret", "--jwt-secret=" + secret, ""},
		{"a short secret", "--jwt-secret=" + secret[1:], "--jwt-secret must have 32 bytes or more"},
		{"keys of nobody", "--jwks-url=file:///etc/passwd", "--jwks-url must be an http or https URL"},
		{"keys behind a password", "--jwks-url=//me:secret@host/?key=secret", "--jwks-url must be an http or https URL"},
		{"keys behind a password, of a URL without its scheme", "--jwks-url=me:secret@host/keys", "--jwks-url must be an http or https URL"},
		{"keys behind a password, of a URL without a slash", "--jwks-url=https:/me:secret@host/keys", "--jwks-url must be an http or https URL"},
		{"keys of a host in capitals", "--jwks-url=HTTPS://host/keys", ""},
		{"algorithms", "--jwt-algorithms=RS256,EdDSA", ""},
		{"no algorithm", "--jwt-algorithms=RS256,none", "--jwt-algorithms must be among HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, not RS256,none"},

		{"namespaces", "--namespaces=/,/admin", ""},
		{"no namespace", "--namespaces=", "--namespaces must be different names that begin with a slash, not "},
		{"a namespace without its slash", "--namespaces=/,admin", "--namespaces must be different names that begin with a slash, not /,admin"},
		{"a namespace twice", "--namespaces=/,/b,/", "--namespaces must be different names that begin with a slash, not /,/b,/"},
		{"no events of clients", "--client-events= --webhook-events=", ""},
		{"events of clients", "--client-events=chat,cursor:* --webhook-events=*", ""},
		{"a star in the midst", "--client-events=a*b", "--client-events must be names of events, with no * but at the end, not a*b"},
		{"a name that is empty", "--webhook-events=a,,b", "--webhook-events must be names of events, with no * but at the end, not a,,b"},
		{"no burst", "--events-burst=0", "--events-burst must be within 1 and 2147483647, not 0"},
		{"no burst of bytes", "--bytes-burst=0", "--bytes-burst must be within 1 and 1073741824, not 0"},
		{"too fast", "--events-rate=1000000001", "--events-rate must be within 0 and 1000000000, not 1000000001"},
		{"no rooms", "--rooms-per-socket-max=0", "--rooms-per-socket-max must be within 1 and 2147483647, not 0"},

		{"no control API", "--api-addr=", ""},
		{"an empty port of the control API", "--api-addr=:", "--api-addr must be empty, or host:port with a port from 0 to 65535, not :"},
		{"the clients' address", "--addr=localhost:9090 --api-addr=localhost:9090", "--api-addr must be another address than --addr, not localhost:9090"},
		{"the clients' port, of all addresses", "--addr=:9090 --api-addr=127.0.0.1:9090", "--api-addr must be another address than --addr, not 127.0.0.1:9090"},
		{"the clients' port, on all addresses", "--addr=127.0.0.1:80 --api-addr=[::]:http", "--api-addr must be another address than --addr, not [::]:http"},
		{"the clients' port, of all addresses of IPv4", "--addr=0.0.0.0:80 --api-addr=127.0.0.1:80", "--api-addr must be another address than --addr, not 127.0.0.1:80"},
		{"the clients' port, of the other protocol", "--addr=0.0.0.0:80 --api-addr=[::1]:80", ""},
		{"the clients' port, of another address", "--addr=127.0.0.1:80 --api-addr=127.0.0.2:80", ""},
		{"any port of the same address", "--addr=127.0.0.1:0 --api-addr=127.0.0.1:0", ""},
		{"a port of the control API alone", "--api-addr=9090", "--api-addr must be empty, or host:port with a port from 0 to 65535, not 9090"},
		{"keys", "--api-keys=" + key + "," + key + "2", ""},
		{"a short key", "--api-keys=" + key + "," + key[1:], "--api-keys must have 16 to 512 printable ASCII characters each, and no spaces"},
		{"a key that no header can hold", "--api-keys=" + key + "ü", "--api-keys must have 16 to 512 printable ASCII characters each, and no spaces"},
		{"profiles of nothing", "--api-addr= --pprof", "--pprof must come with --api-addr, not true"},
		{"metrics of nothing", "--api-addr= --metrics-public", "--metrics-public must come with --api-addr, not true"},
		{"too large an event", "--api-event-bytes-max=67108865", "--api-event-bytes-max must be within 1 and 67108864, not 67108865"},

		{"webhooks", "--webhook-url=https://example.com/hook --webhook-secret=" + secret, ""},
		{"webhooks to a file", "--webhook-url=hook", "--webhook-url must be an http or https URL"},
		{"a secret for no webhooks", "--webhook-secret=" + secret, "--webhook-secret must come with --webhook-url"},
		{"a hook that is none", "--webhook-hooks=connect,leave", "--webhook-hooks must be among connect, join, event, connected, disconnected, room_occupied, room_vacated, not connect,leave"},
		{"no hook", "--webhook-hooks=", "--webhook-hooks must be among connect, join, event, connected, disconnected, room_occupied, room_vacated, not "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := says(parse(t, nil, append([]string{"config", "check", "--dev"}, strings.Fields(tc.args)...)...).err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestSomebodyHasToBeLetIn has each way to say who is, and what is said without any.
func TestSomebodyHasToBeLetIn(t *testing.T) {
	const (
		nobody = "nobody could connect: say whose tokens are believed (STARLING_JWT_SECRET, --jwt-secret-file, --jwt-public-key-file, --jwks-url), " +
			"have the backend decide (--webhook-url), let everybody in without any rights (--anonymous), or try things out (--dev)"
		noKey = "the control API on --api-addr 127.0.0.1:9090 has no key: give STARLING_API_KEYS or --api-key-file, " +
			"or --api-addr= to have no control API, or try things out (--dev)"
	)
	for _, tc := range []struct{ name, args, want string }{
		{"nothing", "", nobody + "\n" + noKey},
		{"a key", "--api-keys=0123456789abcdef", nobody},
		{"no control API", "--api-addr=", nobody},
		{"a file of keys", "--api-key-file=keys", nobody},
		{"anybody", "--anonymous", noKey},
		{"development", "--dev", ""},
		{"a secret", "--api-addr= --jwt-secret=0123456789abcdef0123456789abcdef", ""},
		{"a file with a secret", "--api-addr= --jwt-secret-file=secret", ""},
		{"a file with a key", "--api-addr= --jwt-public-key-file=key.pem", ""},
		{"an endpoint", "--api-addr= --jwks-url=https://example.com/jwks", ""},
		{"a backend", "--api-addr= --webhook-url=https://example.com/hook", ""},
		{"a backend that is not asked", "--api-addr= --webhook-url=https://example.com/hook --webhook-hooks=join", nobody},
		{"anybody, and no control API", "--api-addr= --anonymous", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := says(parse(t, nil, append([]string{"serve"}, strings.Fields(tc.args)...)...).err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestEveryFlag holds all flags against what their help has to say, and against values that no flag can take.
func TestEveryFlag(t *testing.T) {
	for _, flag := range parse(t, nil, "serve", "--dev").node.Flags {
		t.Run(flag.Name, func(t *testing.T) {
			if flag.Group == nil || !strings.HasSuffix(flag.Help, ".") {
				t.Errorf("it has no group, or its help is no sentence: %q", flag.Help)
			}
			if defaultOf(flag.Value) == "" {
				t.Error("nothing says what it is by default")
			}
			kind := flag.Target.Kind()
			if kind == reflect.Bool || kind == reflect.String || kind == reflect.Slice {
				return
			}
			isTime := flag.Target.Type() == reflect.TypeFor[time.Duration]()
			if unit := flag.Tag.Get("unit"); (unit == "") != isTime {
				t.Errorf("its unit is %q", unit)
			}
			for _, value := range []string{"-1", "9223372036854775807", "0"} {
				if isTime {
					value += "ns"
				}
				got := says(parse(t, nil, "config", "check", "--dev", "--"+flag.Name+"="+value).err)
				isZero := strings.HasPrefix(value, "0")
				if isZero && got == "" && !strings.Contains(flag.Help, "0 ") {
					t.Errorf("its help does not say what 0 means: %q", flag.Help)
				}
				if want := "--" + flag.Name + " must be "; !strings.HasPrefix(got, want) && !(isZero && got == "") {
					t.Errorf("%s: got %q, want %q", value, got, want)
				}
			}
		})
	}
}

func TestEveryRuleHasItsFlag(t *testing.T) {
	names := flagNames(parse(t, nil, "serve", "--dev").node)
	for name := range rules {
		if !slices.Contains(names, name) {
			t.Errorf("there is no --%s", name)
		}
	}
}

// TestShownURL has each place of a URL that may hold a secret.
func TestShownURL(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no secret", "https://example.com/hook", "https://example.com/hook"},
		{"a port, and characters that stand for others", "http://[::1]:8080/a%20b/", "http://[::1]:8080/a%20b/"},
		{"a scheme and a host in capitals", "HTTPS://Example.com/", "HTTPS://Example.com/"},
		{"a query and a fragment that are empty", "https://example.com/?#", "https://example.com/?#"},
		{"a password", "https://me:secret@example.com/hook", "https://(set)@example.com/hook"},
		{"a name alone, which may be a token", "https://secret@example.com/hook", "https://(set)@example.com/hook"},
		{"a name with an empty password", "https://secret:@example.com/hook", "https://(set)@example.com/hook"},
		{"an @ in the password", "https://me:sec@ret@example.com/hook", "https://(set)@example.com/hook"},
		{"a slash in the name, which ends the host", "https://sec/ret@example.com/hook", "(set)"},
		{"a slash in the password, which ends the port", "https://me:123/secret@example.com/hook", "(set)"},
		{"a query", "https://example.com/hook?key=secret", "https://example.com/hook?(set)"},
		{"a fragment", "https://example.com/hook#secret", "https://example.com/hook#(set)"},
		{"all of them", "HTTPS://secret@example.com/a%20b?secret#secret", "https://(set)@example.com/a%20b?(set)#(set)"},
		{"no scheme", "me:secret@example.com/hook", "(set)"},
		{"no slashes", "https:me:secret@example.com", "(set)"},
		{"one slash", "https:/me:secret@example.com", "(set)"},
		{"another scheme", "ftp://secret/", "(set)"},
		{"what cannot be read", "https://secret\x7f/", "(set)"},
		{"no host", "https://me:secret@/", "(set)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := shownURL(tc.text); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestShortly(t *testing.T) {
	for _, tc := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{100 * time.Millisecond, "100ms"},
		{10 * time.Second, "10s"},
		{time.Minute, "1m"},
		{10 * time.Minute, "10m"},
		{90 * time.Second, "1m30s"},
		{24 * time.Hour, "24h"},
		{time.Hour + 20*time.Minute, "1h20m"},
		{time.Hour + time.Second, "1h0m1s"},
	} {
		if got := shortly(tc.d); got != tc.want {
			t.Errorf("%d ns: got %s, want %s", tc.d, got, tc.want)
		}
		if back, err := time.ParseDuration(tc.want); err != nil || back != tc.d {
			t.Errorf("%s is read as %v, %v", tc.want, back, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	p := parse(t, nil, "serve", "--dev")
	for _, tc := range []struct{ flag, want string }{
		{"loops", "Event loops, each keeping one core busy. 0 is one for each core. [unit: loops; must be within 0 and 256; default: 0; env: STARLING_LOOPS]"},
		{"jwt-leeway", "How much the clocks of this machine and of who makes tokens may differ. 0 is not at all. [must be within 0s and 5m; default: 10s; env: STARLING_JWT_LEEWAY]"},
		{"cookie", "Name of a cookie with the session's id for clients that poll, for load balancers that go by it. [must be a name without spaces and separators; default: no cookie; env: STARLING_COOKIE]"},
		{"client", "Serve the browser builds of socket.io-client below --path, if they were built in. [default: on; env: STARLING_CLIENT]"},
		{"pprof", "Serve profiles at /debug/pprof/ of the control API to keys that may manage. [default: off; env: STARLING_PPROF]"},
	} {
		if got := describe(p.flag(t, tc.flag).Value); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
	if token := parse(t, nil, "token"); describe(token.flag(t, "issuer").Value) != "The claim iss, as --jwt-issuer of serve." {
		t.Errorf("a flag that is no setting: %q", describe(token.flag(t, "issuer").Value))
	}
}
