package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"starling/internal/starlingtest"
)

// TestLargeMessages sends messages up to the largest one, in random pieces and under a random mask. The echo is one frame.
func TestLargeMessages(t *testing.T) {
	addr, _ := start(t)
	for _, size := range []struct {
		bytes          int
		client, server string // the headers behind their first byte, as pictures
	}{
		{1000, "fe 03e8", "7e 03e8"},
		{65535, "fe ffff", "7e ffff"},
		{65536, "ff 0000000000010000", "7f 0000000000010000"},
		{1 << 20, "ff 0000000000100000", "7f 0000000000100000"},
		{16 << 20, "ff 0000000001000000", "7f 0000000001000000"},
	} {
		for _, kind := range []struct {
			name, first string
			payload     []byte
		}{
			{"text", "81", someText(size.bytes)},
			{"binary", "82", someBytes(size.bytes)},
		} {
			t.Run(fmt.Sprintf("%s of %d", kind.name, size.bytes), func(t *testing.T) {
				in := mask(starlingtest.Wire(kind.first+size.client), kind.payload)
				want := append(starlingtest.Wire(kind.first+size.server), kind.payload...)
				for _, pieces := range [][][]byte{{in}, randomPieces(in, 1)} {
					if err := echoed(addr, pieces, want); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// echoed sends a message, and says goodbye once the echo is there: a client that still has much to read has no more than
// a moment for it behind its goodbye.
func echoed(addr string, pieces [][]byte, want []byte) error {
	c, err := starlingtest.TryDial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Upgrade("/"); err != nil {
		return err
	}
	go func() { _ = send(c, pieces) }()
	if err := c.Expect(want); err != nil {
		return err
	}
	if err := send(c, [][]byte{starlingtest.Wire("88 82 00000000 03e8")}); err != nil {
		return err
	}
	return errors.Join(c.Expect(starlingtest.Wire("88 02 03e8")), c.Ends())
}

// someBytes are n bytes in which no part repeats another.
func someBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// someText is n bytes of text with runes of each length.
func someText(n int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, 0, n+utf8.UTFMax)
	for len(b) < n-utf8.UTFMax {
		limits := [...]rune{0x80, 0x800, 0xd800, 0x110000}
		r := random.Int32N(limits[random.IntN(len(limits))])
		b = utf8.AppendRune(b, r) // of a surrogate it makes U+FFFD
	}
	return append(b, strings.Repeat("z", n-len(b))...)
}

// mask is the header, a random masking key, and the payload under it (RFC 6455 5.3).
func mask(header, payload []byte) []byte {
	key := [4]byte{}
	_, _ = rand.NewChaCha8([32]byte{1}).Read(key[:])
	masked := append(header, key[:]...)
	for i, b := range payload {
		masked = append(masked, b^key[i%4])
	}
	return masked
}

// TestAnnouncedTooMuch announces what is beyond the limit of 16 MiB and sends none of it: the server answers the header.
func TestAnnouncedTooMuch(t *testing.T) {
	var rows []row
	for _, length := range []string{"0000000001000001", "0000000080000000", "0000010000000000", "7fffffffffffffff"} {
		for _, first := range []string{"01", "81", "02", "82"} {
			rows = append(rows, row{name: first + " of " + length, in: first + " ff " + length + " 00000000", end: tooBig})
		}
		rows = append(rows, row{
			name: "continuation of " + length,
			in:   "02 81 00000000 'a' 89 80 00000000 80 ff " + length + " 00000000", want: "8a 00", end: tooBig,
		})
	}
	runRows(t, rows)
}

// TestSmallLimit has the limit where messages around it are short.
func TestSmallLimit(t *testing.T) {
	runRows(t, []row{
		{name: "just as much", in: "81 8a 00000000 '0123456789'", want: "81 0a '0123456789'"},
		{name: "one more, of which nothing is sent", in: "81 8b 00000000", end: tooBig},
		{name: "one more", in: "82 8b 00000000 '0123456789a'", end: tooBig},
		{name: "just as much in fragments", in: "01 85 00000000 '01234' 80 85 00000000 '56789'", want: "81 0a '0123456789'"},
		{name: "one more in fragments", in: "01 85 00000000 '01234' 00 85 00000000 '56789' 80 81 00000000", end: tooBig},
		{
			name: "just as much, and an empty fragment",
			in:   "01 8a 00000000 '0123456789' 80 80 00000000", want: "81 0a '0123456789'",
		},
		{name: "lengths whose sum is beyond 2^63", in: "02 81 00000000 'a' 80 ff 7fffffffffffffff 00000000", end: tooBig},
		{name: "each message for itself", in: "81 88 00000000 '01234567' 82 88 00000000 '01234567'", want: "81 08 '01234567' 82 08 '01234567'"},
		{name: "a ping is no message", in: "89 8c 00000000 '0123456789ab'", want: "8a 0c '0123456789ab'"},
		{name: "a reason is no message", in: "88 8c 00000000 03e8 '0123456789'", end: "88 02 03e8"},
	}, "--message-bytes-max", "10")
}

// TestFragmentsAreCounted sends a message that never ends in fragments of nothing, which the limit in bytes allows.
func TestFragmentsAreCounted(t *testing.T) {
	runRows(t, []row{
		{name: "a million that are empty", in: "02 80 00000000 008000000000*1000000", end: policy},
		{name: "just as many", in: "02 80 00000000 008000000000*131070 80 81 00000000 'a'", want: "82 01 'a'"},
		{name: "one more", in: "02 80 00000000 008000000000*131071 80 81 00000000 'a'", end: policy},
		{
			name: "4 MiB in pieces of 64 bytes, as public suites send it",
			in:   "01 80 00000000 " + "00c000000000" + strings.Repeat("61", 64) + "*65536 80 80 00000000",
			want: "81 7f 0000000000400000 61*4194304",
		},
	})
}

// TestHandshake holds the server to RFC 6455 4.2, and to reading frames from the first byte behind the head.
func TestHandshake(t *testing.T) {
	addr, _ := start(t)
	upgrade := starlingtest.UpgradeRequest("/")
	for _, tc := range []struct {
		name, request string
		status        int
	}{
		{"a request for a page", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"a POST", strings.Replace(upgrade, "GET", "POST", 1), 405},
		{"HTTP/1.0", strings.Replace(upgrade, "HTTP/1.1", "HTTP/1.0", 1), 505},
		{"no host", strings.Replace(upgrade, "Host: localhost\r\n", "", 1), 400},
		{"no key", strings.Replace(upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 1), 400},
		{"a short key", strings.Replace(upgrade, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", 1), 400},
		{"another version", strings.Replace(upgrade, "Version: 13", "Version: 8", 1), 426},
		{"another protocol", strings.Replace(upgrade, "Upgrade: websocket", "Upgrade: h2c", 1), 400},
		{"a head of 20,000 bytes", strings.Replace(upgrade, "Host", "X: "+strings.Repeat("x", 20_000)+"\r\nHost", 1), 431},
		{"a head that never ends", "GET /" + strings.Repeat("x", 20_000), 431},
		{"what is no HTTP", "\x16\x03\x01\x02\x00\r\n\r\n", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := starlingtest.Dial(t, addr)
			if _, err := c.Write([]byte(tc.request)); err != nil {
				t.Fatal(err)
			}
			var refused starlingtest.RefusedError
			if err := c.Upgraded(); !errors.As(err, &refused) || refused.Status != tc.status {
				t.Fatalf("got %v, want a refusal with %d", err, tc.status)
			}
		})
	}
}

// TestHandshakeInPieces sends a request and the first frames as one stream, cut at each byte.
func TestHandshakeInPieces(t *testing.T) {
	addr, _ := start(t)
	request := starlingtest.UpgradeRequest("/a/path?with=a&query")
	stream := append([]byte(request), starlingtest.Wire("81 81 00000000 'a' 88 82 00000000 03e8")...)
	pieces := [][][]byte{nil}
	for i := range stream {
		pieces = append(pieces, [][]byte{stream[:i], stream[i:]})
		pieces[0] = append(pieces[0], stream[i:i+1])
	}
	for _, cut := range pieces {
		c, err := starlingtest.TryDial(addr)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(send(c, cut), c.Upgraded(), c.Expect(starlingtest.Wire("81 01 'a' 88 02 03e8")), c.Ends(), c.Close())
		if err != nil {
			t.Fatalf("in %d pieces, the first of %d bytes: %v", len(cut), len(cut[0]), err)
		}
	}
}

// TestUnreadEchoesEndTheConnection has a client send without reading. What the server keeps for it is bounded, so there
// comes a time when it is let go.
func TestUnreadEchoesEndTheConnection(t *testing.T) {
	addr, _ := start(t, "--message-bytes-max", "65535")
	c := starlingtest.Dial(t, addr)
	if err := c.Upgrade("/"); err != nil {
		t.Fatal(err)
	}
	message := bytes.Repeat(starlingtest.Masked(starlingtest.Binary, someBytes(65535)), 16)
	for {
		if _, err := c.Write(message); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the server neither reads on nor lets go")
		} else if err != nil {
			break // the server has closed
		}
	}
	other := starlingtest.Dial(t, addr)
	if err := errors.Join(other.Upgrade("/"), send(other, [][]byte{starlingtest.Masked(starlingtest.Ping, nil)})); err != nil {
		t.Fatal(err)
	}
	if err := other.Expect(starlingtest.Wire("8a 00")); err != nil {
		t.Fatalf("somebody else: %v", err)
	}
}
