package engineio

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestAppendOpen(t *testing.T) {
	rows := []struct {
		name string
		h    Handshake
		want string
	}{
		{
			"polling, as the reference server sends it",
			Handshake{"MXwLJG0x-8XErtwXAAAA", []string{"websocket"}, 25 * time.Second, 20 * time.Second, 1_000_000},
			`0{"sid":"MXwLJG0x-8XErtwXAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
		},
		{
			"websocket, as the reference server sends it",
			Handshake{"xi_xVD_7N5fsBa2PAAAY", nil, 25 * time.Second, 20 * time.Second, 1_000_000},
			`0{"sid":"xi_xVD_7N5fsBa2PAAAY","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
		},
		{
			"two upgrades, and text that needs escapes",
			Handshake{"a\"b\\\x1e", []string{"websocket", "webtransport"}, time.Millisecond, 1500 * time.Microsecond, 0},
			`0{"sid":"a\"b\\\u001e","upgrades":["websocket","webtransport"],"pingInterval":1,"pingTimeout":1,"maxPayload":0}`,
		},
	}
	for _, row := range rows {
		if got := AppendOpen([]byte("dst:"), row.h); string(got) != "dst:"+row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, "dst:"+row.want)
		}
	}
}

func TestParseOpen(t *testing.T) {
	rows := []struct {
		name, data string
		want       Handshake
		err        error
	}{
		{
			"polling",
			`{"sid":"MXwLJG0x-8XErtwXAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
			Handshake{"MXwLJG0x-8XErtwXAAAA", []string{"websocket"}, 25 * time.Second, 20 * time.Second, 1_000_000},
			nil,
		},
		{
			"another order, an unknown key, no maxPayload",
			`{"pingTimeout":1,"pingInterval":86400000,"x":[1],"sid":"a"}`,
			Handshake{SID: "a", PingInterval: 24 * time.Hour, PingTimeout: time.Millisecond},
			nil,
		},
		{"not JSON", `{"sid":`, Handshake{}, ErrHandshake},
		{"an array", `[]`, Handshake{}, ErrHandshake},
		{"no sid", `{"pingInterval":1,"pingTimeout":1}`, Handshake{}, ErrHandshake},
		{"no interval", `{"sid":"a","pingTimeout":1}`, Handshake{}, ErrHandshake},
		{"no timeout", `{"sid":"a","pingInterval":1}`, Handshake{}, ErrHandshake},
		{"negative interval", `{"sid":"a","pingInterval":-1,"pingTimeout":1}`, Handshake{}, ErrHandshake},
		{"interval above a day", `{"sid":"a","pingInterval":86400001,"pingTimeout":1}`, Handshake{}, ErrHandshake},
		{"negative payload", `{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":-1}`, Handshake{}, ErrHandshake},
		{"fraction", `{"sid":"a","pingInterval":1.5,"pingTimeout":1}`, Handshake{}, ErrHandshake},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseOpen([]byte(row.data))
			if !errors.Is(err, row.err) || !sameHandshake(got, row.want) {
				t.Fatalf("got %+v, %v, want %+v, %v", got, err, row.want, row.err)
			}
		})
	}
}

func sameHandshake(a, b Handshake) bool {
	upgrades := slices.Equal(a.Upgrades, b.Upgrades)
	a.Upgrades, b.Upgrades = nil, nil
	return upgrades && a.SID == b.SID && a.PingInterval == b.PingInterval &&
		a.PingTimeout == b.PingTimeout && a.MaxPayload == b.MaxPayload
}

func FuzzParseOpen(f *testing.F) {
	f.Add([]byte(`{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	f.Add([]byte(`{"sid":"\u001e€","pingInterval":1,"pingTimeout":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseOpen(data)
		if err != nil {
			return
		}
		p, err := ParseText(AppendOpen(nil, h))
		if err != nil || p.Type != Open {
			t.Fatalf("packet %+v, error %v", p, err)
		}
		if again, err := ParseOpen(p.Data); err != nil || !sameHandshake(again, h) {
			t.Fatalf("%+v came back as %+v, error %v", h, again, err)
		}
	})
}
