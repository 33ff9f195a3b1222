package wsproto

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"starling/internal/invariants"
)

// frameRows are payloads around each change of the header's form, and the
// header that RFC 6455 5.2 wants of a server and of a client.
var frameRows = []struct {
	name    string
	op      Opcode
	payload string
	server  string
	client  string // with the mask 37fa213d
	masked  string // the first bytes of the client's payload
}{
	{"the example of RFC 6455 5.7", OpText, "48656c6c6f", "81 05", "81 85 37fa213d", "7f9f4d5158"},
	{"an empty pong", OpPong, "", "8a 00", "8a 80 37fa213d", ""},
	{"an empty ping", OpPing, "", "89 00", "89 80 37fa213d", ""},
	{"the longest ping", OpPing, "00*125", "89 7d", "89 fd 37fa213d", "37fa213d 37fa213d"},
	{"125 bytes", OpBinary, "00*125", "82 7d", "82 fd 37fa213d", "37fa213d"},
	{"126 bytes", OpBinary, "00*126", "82 7e 007e", "82 fe 007e 37fa213d", "37fa213d"},
	{"256 bytes", OpBinary, "00*256", "82 7e 0100", "82 fe 0100 37fa213d", "37fa213d"},
	{"65535 bytes", OpText, "00*65535", "81 7e ffff", "81 fe ffff 37fa213d", "37fa213d"},
	{"65536 bytes", OpText, "00*65536", "81 7f 0000000000010000", "81 ff 0000000000010000 37fa213d", "37fa213d"},
}

func TestAppendFrame(t *testing.T) {
	for _, row := range frameRows {
		t.Run(row.name, func(t *testing.T) {
			payload := wire(row.payload)
			want := append(wire("'before' "+row.server), payload...)
			if got := AppendFrame([]byte("before"), row.op, payload); !bytes.Equal(got, want) {
				t.Errorf("got % .40x, want % .40x", got, want)
			}
			buf := append(bytes.Repeat([]byte{0xCC}, HeaderBytesMax), payload...)
			frame := PrependHeader(buf, row.op)
			if !bytes.Equal(frame, want[len("before"):]) {
				t.Errorf("prepended: got % .40x, want % .40x", frame, want[len("before"):])
			}
			if &frame[len(frame)-1] != &buf[len(buf)-1] {
				t.Error("PrependHeader made a copy")
			}
		})
	}
}

func TestAppendMaskedFrame(t *testing.T) {
	for _, row := range frameRows {
		t.Run(row.name, func(t *testing.T) {
			payload, mask := wire(row.payload), [4]byte{0x37, 0xfa, 0x21, 0x3d}
			got := AppendMaskedFrame([]byte("before"), row.op, mask, payload)
			want := append(wire("'before' "+row.client), slowMask(payload, mask, 0)...)
			if !bytes.Equal(got, want) || !bytes.HasPrefix(got, wire("'before' "+row.client+" "+row.masked)) {
				t.Errorf("got % .40x, want % .40x", got, want)
			}
			if !bytes.Equal(payload, wire(row.payload)) {
				t.Error("the caller's payload has changed")
			}
		})
	}
}

func TestAppendHeader(t *testing.T) {
	for _, row := range []struct {
		op   Opcode
		fin  bool
		n    int
		want string
	}{
		{OpText, true, 5, "81 05"},
		{OpText, false, 5, "01 05"},
		{OpContinuation, false, 126, "00 7e 007e"},
		{OpContinuation, true, 65536, "80 7f 0000000000010000"},
		{OpBinary, true, 1<<40 + 1, "82 7f 0000010000000001"},
		{OpClose, true, 125, "88 7d"},
	} {
		if got := AppendHeader([]byte("x"), row.op, row.fin, row.n); !bytes.Equal(got, wire("'x' "+row.want)) {
			t.Errorf("AppendHeader(%x, %v, %d) = % x, want x and %s", row.op, row.fin, row.n, got, row.want)
		}
	}
}

// TestMistakes wants our own mistakes to be seen where that is cheap.
func TestMistakes(t *testing.T) {
	for _, row := range []struct {
		name   string
		always bool // or only where invariants are checked
		do     func()
	}{
		{"a ping of 126 bytes", false, func() { AppendFrame(nil, OpPing, make([]byte, 126)) }},
		{"a ping in fragments", false, func() { AppendHeader(nil, OpPing, false, 0) }},
		{"a reserve that is too short", true, func() { PrependHeader(make([]byte, HeaderBytesMax-1), OpText) }},
	} {
		if want := row.always || invariants.Enabled; panics(row.do) != want {
			t.Errorf("%s panics: %v, want %v", row.name, !want, want)
		}
	}
}

func panics(do func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	do()
	return false
}

// slowMask is the obvious twin of ws.Cipher (RFC 6455 5.3).
func slowMask(b []byte, mask [4]byte, offset int) []byte {
	masked := make([]byte, len(b))
	for i := range b {
		masked[i] = b[i] ^ mask[(offset+i)%4]
	}
	return masked
}

// TestUnmask tries each length and each place in the mask around the blocks
// that the vector code takes, at each alignment.
func TestUnmask(t *testing.T) {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	text := []byte(strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 4))
	for align := range 4 {
		for n := range len(text) - align {
			for offset := range int64(6) {
				b := bytes.Clone(text)
				unmask(b[align:align+n], ws.Header{Masked: true, Mask: mask}, offset+1<<40)
				want := append(append(bytes.Clone(text[:align]), slowMask(text[align:align+n], mask, int(offset))...), text[align+n:]...)
				if !bytes.Equal(b, want) {
					t.Fatalf("alignment %d, length %d, offset %d: got %q, want %q", align, n, offset, b, want)
				}
			}
		}
	}
}
