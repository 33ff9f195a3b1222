package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"starling/eventloop"
	"starling/hub"
	"starling/wsproto/msgpack"
)

// defaults are the flags of a command line that gives none.
func defaults(t *testing.T) transportFlags {
	t.Helper()
	var c cli
	parser, err := kong.New(&c)
	if err == nil {
		_, err = parser.Parse([]string{"roomapp"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.Roomapp.transportFlags
}

func TestDefaultsAreTheHubs(t *testing.T) {
	c := defaults(t)
	if err := c.validate(); err != nil {
		t.Fatalf("without any flag: %v", err)
	}
	for _, tc := range []struct {
		flag      string
		got, want any
	}{
		{"path", c.Path, hub.PathDefault},
		{"ping-interval", c.PingInterval, hub.PingIntervalDefault},
		{"ping-timeout", c.PingTimeout, hub.PingTimeoutDefault},
		{"max-payload", c.MaxPayload, hub.PayloadBytesMaxDefault},
		{"connect-timeout", c.ConnectTimeout, hub.ConnectTimeoutDefault},
		{"drain-timeout", c.DrainTimeout, hub.ShutdownTimeoutDefault},
		{"handlers-max", c.HandlersMax, hub.HandlersMaxDefault},
		{"recovery-room-max", c.RecoveryRoomMax, hub.RecoveryRoomBytesMaxDefault},
		{"recovery-max", c.RecoveryMax, hub.RecoveryBytesMaxDefault},
		{"outbound-per-conn-max", c.OutboundPerConnMax, eventloop.OutboundBytesPerConnMax},
		{"outbound-max", c.OutboundMax, eventloop.OutboundBytesMax},
	} {
		if tc.got != tc.want {
			t.Errorf("--%s is %v by default, and the library's is %v", tc.flag, tc.got, tc.want)
		}
	}
}

// TestValidate has each bound of each flag from both sides.
func TestValidate(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name string
		set  func(c *transportFlags)
		want string // "" if it is allowed
	}{
		{"a port alone", func(c *transportFlags) { c.Addr = ":0" }, ""},
		{"a port by name", func(c *transportFlags) { c.Addr = "localhost:http" }, ""},
		{"the last port", func(c *transportFlags) { c.Addr = "[::1]:65535" }, ""},
		{"no port", func(c *transportFlags) { c.Addr = "localhost" }, "--addr must be host:port, with a port from 0 to 65535, not localhost"},
		{"a port too high", func(c *transportFlags) { c.Addr = ":65536" }, "--addr must be host:port, with a port from 0 to 65535, not :65536"},
		{"no address", func(c *transportFlags) { c.Addr = "" }, "--addr must be host:port, with a port from 0 to 65535, not "},

		{"the root", func(c *transportFlags) { c.Path = "/" }, ""},
		{"a path without its slash", func(c *transportFlags) { c.Path = "io/" }, "--path must begin with a slash, not io/"},
		{"no path", func(c *transportFlags) { c.Path = "" }, "--path must begin with a slash, not "},

		{"most loops", func(c *transportFlags) { c.Loops = 256 }, ""},
		{"too many loops", func(c *transportFlags) { c.Loops = 257 }, "--loops must be within 0 and 256, not 257"},
		{"negative loops", func(c *transportFlags) { c.Loops = -1 }, "--loops must be within 0 and 256, not -1"},

		{"shortest ping interval", func(c *transportFlags) { c.PingInterval = hub.TimeMin }, ""},
		{"longest ping interval", func(c *transportFlags) { c.PingInterval = day }, ""},
		{"ping interval too short", func(c *transportFlags) { c.PingInterval = hub.TimeMin - 1 }, "--ping-interval must be within 100ms and 24h, not 99.999999ms"},
		{"ping interval too long", func(c *transportFlags) { c.PingInterval = day + 1 }, "--ping-interval must be within 100ms and 24h, not 24h0m0.000000001s"},
		{"shortest ping timeout", func(c *transportFlags) { c.PingTimeout = hub.TimeMin }, ""},
		{"longest ping timeout", func(c *transportFlags) { c.PingTimeout = day }, ""},
		{"no ping timeout", func(c *transportFlags) { c.PingTimeout = 0 }, "--ping-timeout must be within 100ms and 24h, not 0s"},
		{"ping timeout too long", func(c *transportFlags) { c.PingTimeout = 25 * time.Hour }, "--ping-timeout must be within 100ms and 24h, not 25h0m0s"},
		{"shortest connect timeout", func(c *transportFlags) { c.ConnectTimeout = hub.TimeMin }, ""},
		{"longest connect timeout", func(c *transportFlags) { c.ConnectTimeout = day }, ""},
		{"negative connect timeout", func(c *transportFlags) { c.ConnectTimeout = -day }, "--connect-timeout must be within 100ms and 24h, not -24h0m0s"},
		{"connect timeout too long", func(c *transportFlags) { c.ConnectTimeout = day + 1 }, "--connect-timeout must be within 100ms and 24h"},
		{"shortest drain timeout", func(c *transportFlags) { c.DrainTimeout = hub.TimeMin }, ""},
		{"longest drain timeout", func(c *transportFlags) { c.DrainTimeout = day }, ""},
		{"no drain timeout", func(c *transportFlags) { c.DrainTimeout = 0 }, "--drain-timeout must be within 100ms and 24h, not 0s"},
		{"drain timeout too long", func(c *transportFlags) { c.DrainTimeout = day + 1 }, "--drain-timeout must be within 100ms and 24h"},

		{"no drain time", func(c *transportFlags) { c.DrainTime = 0 }, ""},
		{"longest drain time", func(c *transportFlags) { c.DrainTime, c.DrainTimeout = day, day }, ""},
		{"negative drain time", func(c *transportFlags) { c.DrainTime = -1 }, "--drain-time must be within 0s and 24h, not -1ns"},
		{"drain time too long", func(c *transportFlags) { c.DrainTime = day + 1 }, "--drain-time must be within 0s and 24h, not 24h0m0.000000001s"},

		{"shortest recovery", func(c *transportFlags) { c.Recovery = hub.TimeMin }, ""},
		{"longest recovery", func(c *transportFlags) { c.Recovery = day }, ""},
		{"recovery too short", func(c *transportFlags) { c.Recovery = hub.TimeMin - 1 }, "--recovery must be 0s, or within 100ms and 24h, not 99.999999ms"},
		{"recovery too long", func(c *transportFlags) { c.Recovery = day + 1 }, "--recovery must be 0s, or within 100ms and 24h, not 24h0m0.000000001s"},
		{"negative recovery", func(c *transportFlags) { c.Recovery = -day }, "--recovery must be 0s, or within 100ms and 24h, not -24h0m0s"},
		{"least recovery of a room", func(c *transportFlags) { c.RecoveryRoomMax = 1 }, ""},
		{"no recovery of a room", func(c *transportFlags) { c.RecoveryRoomMax = 0 }, "--recovery-room-max must be at least 1, not 0"},
		{"recovery of one room", func(c *transportFlags) { c.RecoveryMax = c.RecoveryRoomMax }, ""},
		{"recovery of no room", func(c *transportFlags) { c.RecoveryMax = 1<<20 - 1 }, "--recovery-max must be at least --recovery-room-max, not 1048575"},

		{"smallest payload", func(c *transportFlags) { c.MaxPayload = 1 }, ""},
		{"largest payload", func(c *transportFlags) { c.MaxPayload = 1 << 30 }, ""},
		{"no payload", func(c *transportFlags) { c.MaxPayload = 0 }, "--max-payload must be within 1 and 1073741824, not 0"},
		{"payload too large", func(c *transportFlags) { c.MaxPayload = 1<<30 + 1 }, "--max-payload must be within 1 and 1073741824, not 1073741825"},

		{"negative connections", func(c *transportFlags) { c.ConnectionsMax = -1 }, "--connections-max must be 0 or more, not -1"},
		{"least outbound per connection", func(c *transportFlags) { c.OutboundPerConnMax = 1 }, ""},
		{"no outbound per connection", func(c *transportFlags) { c.OutboundPerConnMax = 0 }, "--outbound-per-conn-max must be at least 1, not 0"},
		{"outbound for one connection", func(c *transportFlags) { c.OutboundMax = c.OutboundPerConnMax }, ""},
		{"outbound for no connection", func(c *transportFlags) { c.OutboundMax = 1<<20 - 1 }, "--outbound-max must be at least --outbound-per-conn-max, not 1048575"},
		{"one transport", func(c *transportFlags) { c.Transports = []string{"websocket"} }, ""},
		{"no transport", func(c *transportFlags) { c.Transports = nil }, "--transports must be polling, websocket or both"},
		{"a transport that is none", func(c *transportFlags) { c.Transports = []string{"polling", "pigeon"} }, "--transports must be polling, websocket or both, not polling,pigeon"},
		{"no upgrade timeout", func(c *transportFlags) { c.UpgradeTimeout = 0 }, "--upgrade-timeout must be within 100ms and 24h, not 0s"},
		{"credentials for nobody", func(c *transportFlags) { c.Credentials = true }, "--credentials must come with --origins"},
		{"PROXY protocol from nobody", func(c *transportFlags) { c.ProxyProtocol = true }, "--proxy-protocol must come with --trusted-proxies"},
		{"negative rate", func(c *transportFlags) { c.ConnectRate = -1 }, "--connect-rate must be 0 or more, not -1"},

		{"one handler", func(c *transportFlags) { c.HandlersMax = 1 }, ""},
		{"no handler", func(c *transportFlags) { c.HandlersMax = 0 }, "--handlers-max must be at least 1, not 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := defaults(t)
			tc.set(&c)
			got := ""
			if err := c.validate(); err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if tc.want == "" {
				return
			}
			app := roomappCmd{c}
			if err := app.serve(t.Context(), io.Discard); !errors.As(err, new(usageError)) {
				t.Errorf("serve ends with %v, which is no error of the command line", err)
			}
		})
	}
}

// TestEachFlagReachesTheServer gives each flag a value of its own.
func TestEachFlagReachesTheServer(t *testing.T) {
	c := transportFlags{
		Path: "/io/", Loops: 3, PingInterval: time.Second, PingTimeout: 2 * time.Second, MaxPayload: 4,
		ConnectTimeout: 5 * time.Second, DrainTimeout: 6 * time.Second, ConnectionsMax: 7, OutboundPerConnMax: 8,
		OutboundMax: 9, HandlersMax: 10, ShareAddr: true,
		Transports: []string{"polling"}, UpgradeTimeout: 11 * time.Second, Origins: []string{"*"}, Credentials: true, Cookie: "io",
		TrustedProxies: []string{"loopback"}, ProxyProtocol: true, ConnectRate: 12, HTTPCompression: true, PerMessageDeflate: true,
		DrainTime: 13 * time.Second, ShutdownNotice: "bye", Parser: "msgpack",
		Recovery: 14 * time.Second, RecoveryRoomMax: 15, RecoveryMax: 16,
	}
	log := slog.New(slog.DiscardHandler)
	want := hub.Options{
		Path: "/io/", Loops: 3, PingInterval: time.Second, PingTimeout: 2 * time.Second, PayloadBytesMax: 4,
		ConnectTimeout: 5 * time.Second, ShutdownTimeout: 6 * time.Second, ConnectionsMax: 7, OutboundBytesPerConnMax: 8,
		OutboundBytesMax: 9, HandlersMax: 10, ShareAddr: true, ForgetHandshake: true, Logger: log,
		Transports: []string{"polling"}, UpgradeTimeout: 11 * time.Second, Origins: []string{"*"}, Credentials: true,
		Cookie:         &http.Cookie{Name: "io", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
		TrustedProxies: []string{"loopback"}, ProxyProtocol: true, ConnectRateMax: 12, PerMessageDeflate: true,
		DrainTime: 13 * time.Second, ShutdownNotice: "bye", Parser: msgpack.Parser{},
		Recovery: &hub.Recovery{MaxDisconnectionDuration: 14 * time.Second, RoomBytesMax: 15, BytesMax: 16},
	}
	if got := c.options(log); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestFlagsThatAreOff has what nobody asked for be off in the library too.
func TestFlagsThatAreOff(t *testing.T) {
	c := defaults(t)
	got := c.options(slog.New(slog.DiscardHandler))
	if got.Parser != nil || got.Recovery != nil || got.DrainTime != 0 || got.ShutdownNotice != "" {
		t.Errorf("without any flag: parser %v, recovery %v, drain time %v, shutdown notice %q", got.Parser, got.Recovery, got.DrainTime, got.ShutdownNotice)
	}
}

func TestExplain(t *testing.T) {
	c := &transportFlags{Addr: "localhost:80"}
	files := fmt.Errorf("hub: %w", &eventloop.FilesError{Wanted: 300, Fit: 128, Files: 256})
	err := c.explain(files)
	if !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), "--connections-max 300") || !strings.Contains(err.Error(), "at most 128") {
		t.Errorf("too few files: %v", err)
	}
	busy := errors.New("address already in use")
	err = c.explain(busy)
	if errors.As(err, new(usageError)) || !errors.Is(err, busy) || !strings.Contains(err.Error(), "--addr localhost:80") {
		t.Errorf("an address in use: %v", err)
	}
}

// TestServe has the log tell the life of a server, from the address to the orderly end.
func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := roomappCmd{defaults(t)}
	c.Addr, c.LogFormat = "127.0.0.1:0", "json"
	log, logTo := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- c.serve(ctx, logTo)
		logTo.Close()
	}()
	var told []string
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var entry struct{ Msg, Addr string }
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		told = append(told, entry.Msg)
		if entry.Msg == "listening" {
			if !strings.HasPrefix(entry.Addr, "127.0.0.1:") || entry.Addr == c.Addr {
				t.Errorf("listening on %s", entry.Addr)
			}
			stop()
		}
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if got := strings.Join(told, ", "); got != "listening, stopping, stopped" {
		t.Errorf("the log told: %s", got)
	}
}

func TestLogger(t *testing.T) {
	for _, tc := range []struct{ format, level, want string }{
		{"text", "info", "level=INFO msg=two\nlevel=WARN msg=three\n"},
		{"json", "warn", `{"level":"WARN","msg":"three"}` + "\n"},
		{"text", "debug", "level=DEBUG msg=one\nlevel=INFO msg=two\nlevel=WARN msg=three\n"},
		{"text", "error", ""},
	} {
		t.Run(tc.format+" "+tc.level, func(t *testing.T) {
			var out strings.Builder
			c := transportFlags{LogFormat: tc.format, LogLevel: tc.level}
			log := c.logger(&out)
			log.Debug("one")
			log.Info("two")
			log.Warn("three")
			if got := withoutTime(out.String()); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// withoutTime cuts the time off each line, which is its first field in either format.
func withoutTime(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		brace, rest := "", line
		if strings.HasPrefix(line, "{") {
			brace = "{"
			_, rest, _ = strings.Cut(line, ",")
		} else {
			_, rest, _ = strings.Cut(line, " ")
		}
		b.WriteString(brace + rest)
	}
	return b.String()
}
