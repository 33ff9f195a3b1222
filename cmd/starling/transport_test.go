package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"starling/eventloop"
	"starling/hub"
	"starling/wsproto/msgpack"
)

// TestEachFlagReachesTheServer gives each flag a value of its own.
func TestEachFlagReachesTheServer(t *testing.T) {
	c := transportFlags{
		Path: "/io/", Loops: 3, PingInterval: time.Second, PingTimeout: 2 * time.Second, MaxPayload: 4,
		ConnectTimeout: 5 * time.Second, DrainTimeout: 6 * time.Second, ConnectionsMax: 7, OutboundPerConnMax: 8,
		OutboundMax: 9, HandlersMax: 10, ShareAddr: true,
		Transports: []string{"polling"}, UpgradeTimeout: 11 * time.Second, Origins: []string{"*"}, Credentials: true, Cookie: "io",
		TrustedProxies: []string{"loopback"}, ProxyProtocol: true, ConnectRate: 12, HTTPCompression: true, PerMessageDeflate: true,
		DrainTime: 13 * time.Second, ShutdownNotice: "bye", Parser: "msgpack",
		Recovery: 14 * time.Second, RecoveryRoomMax: 15, RecoveryMax: 16, MaxConnectPayload: 17, ControlRate: 18,
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
		Recovery:               &hub.Recovery{MaxDisconnectionDuration: 14 * time.Second, RoomBytesMax: 15, BytesMax: 16},
		ConnectPayloadBytesMax: 17, ControlRateMax: 18,
	}
	if got := c.options(log); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestFlagsThatAreOff has what nobody asked for be off in the library too.
func TestFlagsThatAreOff(t *testing.T) {
	c := parse(t, nil, "roomapp").cli.Roomapp
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
