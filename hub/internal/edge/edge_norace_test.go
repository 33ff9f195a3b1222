//go:build !race

package edge

import (
	"net/netip"
	"testing"
)

func TestWhatEveryRequestPassesAllocatesNothing(t *testing.T) {
	strict := mustOrigins(t, false)
	listed := mustOrigins(t, true, "https://example.com", "https://*.wild.example")
	plain, same, other := request("GET"), request("GET", "Origin", "https://chat.example"), request("GET", "Origin", "https://evil.example")
	dst := make([]byte, 0, 1024)
	proxies, err := ParseProxies([]string{"loopback", "private"})
	if err != nil {
		t.Fatal(err)
	}
	forwarded := []string{"192.0.2.1"}
	header := []byte("PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n")
	valid := false
	addr := netip.MustParseAddr("::ffff:10.0.0.1")
	for name, f := range map[string]func(){
		"allowed, no origin":             func() { strict.Allowed("chat.example", "") },
		"allowed, no origin, list":       func() { listed.Allowed("chat.example", "") },
		"allowed, same origin":           func() { strict.Allowed("chat.example:443", "https://Chat.example") },
		"allowed, same origin, list":     func() { listed.Allowed("chat.example", "https://chat.example") },
		"allowed, same IPv6":             func() { strict.Allowed("[::1]:80", "http://[::1]") },
		"allowed, another":               func() { strict.Allowed("chat.example", "https://evil.example") },
		"header, no origin":              func() { dst = strict.AppendHeader(dst[:0], plain) },
		"header, no origin, list":        func() { dst = listed.AppendHeader(dst[:0], plain) },
		"header, same origin":            func() { dst = strict.AppendHeader(dst[:0], same) },
		"header, same origin, list":      func() { dst = listed.AppendHeader(dst[:0], same) },
		"header, another":                func() { dst = strict.AppendHeader(dst[:0], other) },
		"valid origin":                   func() { valid = ValidOrigin("https://chat.example") },
		"client, not behind a proxy":     func() { proxies.ClientAddr("192.0.2.9:50000", nil) },
		"client, header of who is not":   func() { Proxies{}.ClientAddr("192.0.2.9:50000", forwarded) },
		"client, header of a stranger":   func() { proxies.ClientAddr("192.0.2.9:50000", forwarded) },
		"proxies, mapped":                func() { proxies.Trusts(addr) },
		"PROXY header, whole":            func() { _, _ = ProxyHeaderLen(header) },
		"PROXY header, not yet complete": func() { _, _ = ProxyHeaderLen(header[:20]) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if !valid {
		t.Error("the origin is not valid")
	}
}
