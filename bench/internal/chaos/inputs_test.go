package chaos

import (
	"bytes"
	"strings"
	"testing"
)

// The frames are laid out: first byte, mask bit and length, the mask, which is of zeros, and the payload (RFC 6455 5.2).
func TestFrame(t *testing.T) {
	for _, tc := range []struct {
		name, got, want string
	}{
		{"text", text("42"), "\x81" + "\x82" + "\x00\x00\x00\x00" + "42"},
		{"empty", text(""), "\x81" + "\x80" + "\x00\x00\x00\x00"},
		{"binary", blob("\x01"), "\x82" + "\x81" + "\x00\x00\x00\x00" + "\x01"},
		{"125 bytes", frame("\x89", strings.Repeat("p", 125)), "\x89" + "\xfd" + "\x00\x00\x00\x00" + strings.Repeat("p", 125)},
		{"126 bytes", frame("\x89", strings.Repeat("p", 126)), "\x89" + "\xfe\x00\x7e" + "\x00\x00\x00\x00" + strings.Repeat("p", 126)},
		{"65536 bytes", text(strings.Repeat("x", 65536)), "\x81" + "\xff\x00\x00\x00\x00\x00\x01\x00\x00" + "\x00\x00\x00\x00" + strings.Repeat("x", 65536)},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: % .40x, want % .40x", tc.name, tc.got, tc.want)
		}
	}
}

func TestMalformedInputs(t *testing.T) {
	both, raw := malformed("example.org", "/socket.io/", false), malformed("example.org", "/", true)
	if len(raw) >= len(both) || len(raw) < 30 {
		t.Errorf("%d inputs, %d for a raw server", len(both), len(raw))
	}
	names := map[string]bool{}
	for _, in := range both {
		if names[in.name] || in.load.size() == 0 || in.at < wired || in.at > connected {
			t.Errorf("%q, of %d bytes at %d", in.name, in.load.size(), in.at)
		}
		names[in.name] = true
	}
	for _, in := range raw {
		if in.at == greeted || in.at == connected {
			t.Errorf("%q is for Socket.IO", in.name)
		}
	}
	for name, want := range map[string]string{
		"frame without a mask":        "\x81\x01" + "2",
		"RSV1 set":                    "\xc1\x81" + "\x00\x00\x00\x00" + "2",
		"close code 1005":             "\x88\x82" + "\x00\x00\x00\x00" + "\x03\xed",
		"negative length":             "\x82\xff" + "\x80\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00",
		"message within a message":    "\x01\x81" + "\x00\x00\x00\x00" + "4" + "\x81\x81" + "\x00\x00\x00\x00" + "2",
		"two Content-Lengths":         "POST /socket.io/ HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"transport that there is not": "GET /socket.io/?EIO=4&transport=__proto__ HTTP/1.1\r\nHost: example.org\r\n\r\n",
	} {
		at := -1
		for i := range both {
			if both[i].name == name {
				at = i
			}
		}
		if at < 0 || string(both[at].load.head) != want {
			t.Errorf("%q is not %q", name, want)
		}
	}
}

// slowBytes is a load written out.
func slowBytes(l *load) (b []byte) {
	b = append(b, l.head...)
	for range l.times {
		b = append(b, l.block...)
	}
	return b
}

func TestLoad(t *testing.T) {
	loads := map[string]load{"head alone": {head: []byte("abc")}, "both": {head: []byte("ab"), block: []byte("cde"), times: 3}, "no head": {block: []byte("xy"), times: 2}}
	for i, l := range oversized(200_000) {
		loads["oversized "+string(rune('a'+i))] = l
	}
	for name, l := range loads {
		want := slowBytes(&l)
		if int64(len(want)) != l.size() {
			t.Errorf("%s: %d bytes, want %d", name, l.size(), len(want))
		}
		step := int64(max(len(want)/50, 1)) // wherever the kernel cuts it
		for sent := int64(0); sent < l.size(); sent += step {
			if rest := l.after(sent); len(rest) == 0 || !bytes.HasPrefix(want[sent:], rest) {
				t.Fatalf("%s: after %d bytes % .40x, want % .40x", name, sent, rest, want[sent:])
			}
		}
	}
}

// Each of the ways is one message of more than the server takes.
func TestOversized(t *testing.T) {
	ways := oversized(1_000_000)
	if len(ways) != 3 {
		t.Fatalf("%d ways", len(ways))
	}
	// 16 blocks of 65,536 bytes are 0x100000.
	if got, want := string(ways[0].head), "\x81\xff"+"\x00\x00\x00\x00\x00\x10\x00\x00"+"\x00\x00\x00\x00"; got != want {
		t.Errorf("head % x, want % x", got, want)
	}
	if sent := ways[0].times * int64(len(ways[0].block)); sent != 0x100000 {
		t.Errorf("%d bytes of payload", sent)
	}
	if got, want := string(ways[1].head)+string(ways[1].block[:8]), "\x01\x80\x00\x00\x00\x00"+"\x00\xfe\x40\x00"+"\x00\x00\x00\x00"; got != want {
		t.Errorf("fragments % x, want % x", got, want)
	}
	if sum := ways[1].times * (int64(len(ways[1].block)) - 8); sum <= 1_000_000 {
		t.Errorf("%d bytes in fragments", sum)
	}
	if got, want := string(ways[2].head), "\x81\xff"+"\x00\x00\x01\x00\x00\x00\x00\x00"+"\x00\x00\x00\x00"; got != want || ways[2].times != 0 {
		t.Errorf("announced % x, want % x", got, want)
	}
}
