package session

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// TestRequestsInPieces cuts a client's requests, one behind the other, in two at every byte, on the session's loop and on
// another one: what is said does not depend on it.
func TestRequestsInPieces(t *testing.T) {
	const target = pollTarget + "AAECAwQFBgcICQoLDA0A"
	sent := "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n" +
		"POST " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n4a\x1e4bc\x1ebAQI=" +
		"POST " + target + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n4d\r\n1\r\ne\r\n0\r\nX: y\r\n\r\n" +
		"OPTIONS " + target + " HTTP/1.1\r\nHost: x\r\nOrigin: https://good.example\r\nAccess-Control-Request-Method: POST\r\n\r\n" +
		"GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	want := ""
	for loops := 1; loops <= 2; loops++ {
		for cut := range len(sent) {
			k := newTalk(t)
			k.restart(fmt.Sprintf("origins=https://good.example loops=%d", loops))
			k.begin("0")
			k.emit("first", false)
			k.open(fmt.Sprint(loops - 1))
			k.send([]byte(sent[:cut]))
			k.send([]byte(sent[cut:]))
			k.gather()
			k.emit("last", false)
			k.gather()
			got := strings.Join(alike(k.lines), "\n")
			if want == "" {
				want = got
				for _, part := range []string{"4first", "upper 1: text a", "upper 1: text bc", "upper 1: binary 01 02", "upper 1: text de", "204 No Content", "4last", "Connection: close"} {
					if !strings.Contains(got, part) {
						t.Fatalf("%q is not in\n%s", part, got)
					}
				}
			}
			if got != want {
				t.Fatalf("%d loops, cut at %d of %d:\n%s\nwant\n%s", loops, cut, len(sent), got, want)
			}
		}
	}
}

// TestProxyHeadersInPieces cuts a PROXY header, and the request right behind it, in two at every byte.
func TestProxyHeadersInPieces(t *testing.T) {
	block := func(digits string) string {
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const signature = "0d0a0d0a000d0a515549540a"
	for _, row := range []struct{ name, header, want string }{
		{"version 1", "PROXY TCP4 203.0.113.7 192.0.2.9 4321 80\r\n", "203.0.113.7:4321"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", "192.0.2.1:1"},
		{"version 2", block(signature + "21 11 000c cb007107 c0000209 10e1 0050"), "203.0.113.7:4321"},
		{"version 2 over IPv6", block(signature + "21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000009 10e1 0050"), "[2001:db8::7]:4321"},
		{"version 2, the proxy itself", block(signature + "20 00 0000"), "192.0.2.1:1"},
	} {
		sent := row.header + upgradeRequest("/socket.io/?EIO=4&transport=websocket")
		for cut := range len(sent) {
			k := newTalk(t)
			k.restart("proxies=192.0.2.1")
			k.open("")
			k.send([]byte(sent[:cut]))
			k.send([]byte(sent[cut:]))
			if want := "upper: from " + row.want; len(k.lines) != 1 || k.lines[0] != want {
				t.Fatalf("%s, cut at %d: %q, want %q; got %q", row.name, cut, k.lines, want, k.end.peer.Got)
			}
		}
	}
}

// TestScratchIsGivenBack: an answer of a megabyte does not leave a megabyte with its loop.
func TestScratchIsGivenBack(t *testing.T) {
	k := newTalk(t)
	k.begin("0")
	k.emit("x*900000", false)
	k.send([]byte("GET " + pollTarget + "AAECAwQFBgcICQoLDA0A HTTP/1.1\r\nHost: x\r\n\r\n"))
	if got := len(k.end.peer.Got); got < 900_000 {
		t.Fatalf("an answer of %d bytes", got)
	}
	if table := k.tables[0]; cap(table.scratch)+cap(table.payload) > 2*scratchBytesKeptMax {
		t.Errorf("%d and %d bytes are kept", cap(table.scratch), cap(table.payload))
	}
}
