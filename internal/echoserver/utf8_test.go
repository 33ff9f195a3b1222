package main

import (
	"fmt"
	"testing"
)

// validTexts are texts as hex digits; each edge of UTF-8 is among them (RFC 3629 3 and 4).
var validTexts = []struct{ name, bytes string }{
	{"two bytes each", "cebaceb1cebb"},
	{"a Greek word", "cebae1bdb9cf83cebcceb5"},
	{"one rune of each length", "61c3a9e282acf09f9880"},
	{"U+0000", "00"},
	{"U+007F and U+0080", "7fc280"},
	{"U+07FF and U+0800", "dfbfe0a080"},
	{"U+D7FF and U+E000, around the surrogates", "ed9fbfee8080"},
	{"U+FFFD to U+FFFF", "efbfbdefbfbeefbfbf"},
	{"U+10000 and U+10FFFF", "f0908080f48fbfbf"},
	{"a byte order mark", "efbbbf61"},
}

// wrongBytes are the shortest texts that nothing can make valid any more: all but the last byte could still have been
// the beginning of something.
var wrongBytes = []struct{ name, bytes string }{
	{"continuation byte 80 of nothing", "80"},
	{"continuation byte bf of nothing", "bf"},
	{"a continuation byte too many", "c3a980"},
	{"c0, which only an overlong form has", "c0"},
	{"c1, which only an overlong form has", "c1"},
	{"overlong form of three bytes", "e080"},
	{"last overlong form of three bytes", "e09f"},
	{"overlong form of four bytes", "f080"},
	{"last overlong form of four bytes", "f08f"},
	{"first surrogate", "eda0"},
	{"last surrogate", "edbf"},
	{"U+110000, behind the last rune", "f490"},
	{"f5, of no rune", "f5"},
	{"f8, of five bytes", "f8"},
	{"fc, of six bytes", "fc"},
	{"fe", "fe"},
	{"ff", "ff"},
	{"a rune of two bytes that breaks off", "c361"},
	{"a rune of three bytes that breaks off", "e28261"},
	{"a rune of four bytes that breaks off", "f09f9861"},
	{"a rune that another one cuts short", "e282c3"},
}

// unfinished are texts that end in the middle of a rune: no fault of theirs until they end.
var unfinished = []struct{ name, bytes string }{
	{"one of two bytes", "c3"},
	{"one of three bytes", "e2"},
	{"two of three bytes", "e282"},
	{"one of four bytes", "f0"},
	{"three of four bytes", "f09f98"},
	{"the beginning of the last rune", "f48fbf"},
}

// TestUTF8 sends valid texts, whole and cut between any two bytes into two fragments.
func TestUTF8(t *testing.T) {
	var rows []row
	for _, text := range validTexts {
		n := len(text.bytes) / 2
		want := fmt.Sprintf("81 %02x %s", n, text.bytes)
		rows = append(rows, row{name: text.name, in: fmt.Sprintf("81 %02x 00000000 %s", 0x80|n, text.bytes), want: want})
		for at := 0; at <= n; at++ {
			rows = append(rows, row{
				name: fmt.Sprintf("%s, cut at %d", text.name, at),
				in: fmt.Sprintf("01 %02x 00000000 %s 80 %02x 00000000 %s",
					0x80|at, text.bytes[:2*at], 0x80|n-at, text.bytes[2*at:]),
				want: want,
			})
		}
	}
	runRows(t, rows)
}

// TestUTF8FailsFast sends a wrong byte and no more, although more was announced: the server may not wait for it (RFC 6455
// 8.1 with 7.1.7). In front of the wrong byte it must wait, which a ping between the fragments shows.
func TestUTF8FailsFast(t *testing.T) {
	var rows []row
	for _, wrong := range wrongBytes {
		n := len(wrong.bytes) / 2
		good, bad := wrong.bytes[:2*(n-1)], wrong.bytes[2*(n-1):]
		rows = append(rows,
			row{name: wrong.name, in: fmt.Sprintf("81 %02x 00000000 %s", 0x80|n, wrong.bytes), end: invalidPayload},
			row{
				name: wrong.name + ", then good text",
				in:   fmt.Sprintf("81 %02x 00000000 %s 'abcd'", 0x80|n+4, wrong.bytes), end: invalidPayload,
			},
			row{
				name: wrong.name + ", behind good text",
				in:   fmt.Sprintf("81 %02x 00000000 cebae1bdb9 %s", 0x80|n+5, wrong.bytes), end: invalidPayload,
			},
			row{
				name: wrong.name + ", in a frame that announces more",
				in:   fmt.Sprintf("81 fe 1000 00000000 cebae1bdb9 %s", wrong.bytes), end: invalidPayload,
			},
			row{
				name: wrong.name + ", in a message that announces more",
				in:   fmt.Sprintf("01 82 00000000 ceba 00 %02x 00000000 %s", 0x80|n, wrong.bytes), end: invalidPayload,
			},
			row{
				name: wrong.name + ", in a frame and a message that announce more",
				in:   fmt.Sprintf("01 82 00000000 ceba 00 ff 0000000000100000 00000000 %s", wrong.bytes), end: invalidPayload,
			},
			row{
				name: wrong.name + ", the last byte behind a ping",
				in:   fmt.Sprintf("01 %02x 00000000 'a' %s 89 80 00000000 00 81 00000000 %s", 0x80|n, good, bad),
				want: "8a 00", end: invalidPayload,
			})
	}
	for _, cut := range unfinished {
		n := len(cut.bytes) / 2
		rows = append(rows,
			row{name: cut.name + " at the end", in: fmt.Sprintf("81 %02x 00000000 %s", 0x80|n, cut.bytes), end: invalidPayload},
			row{
				name: cut.name + " at the end of the last fragment",
				in:   fmt.Sprintf("01 81 00000000 'a' 80 %02x 00000000 %s", 0x80|n, cut.bytes), end: invalidPayload,
			},
			row{
				name: cut.name + " in front of an empty last fragment",
				in:   fmt.Sprintf("01 %02x 00000000 %s 89 80 00000000 80 80 00000000", 0x80|n, cut.bytes),
				want: "8a 00", end: invalidPayload,
			})
	}
	runRows(t, rows)
}

// TestOnlyTextIsUTF8 sends wrong bytes where RFC 6455 asks for no text.
func TestOnlyTextIsUTF8(t *testing.T) {
	var rows []row
	for _, wrong := range wrongBytes {
		n := len(wrong.bytes) / 2
		rows = append(rows,
			row{
				name: wrong.name + ", binary",
				in:   fmt.Sprintf("82 %02x 00000000 %s", 0x80|n, wrong.bytes),
				want: fmt.Sprintf("82 %02x %s", n, wrong.bytes),
			},
			row{
				name: wrong.name + ", ping",
				in:   fmt.Sprintf("89 %02x 00000000 %s", 0x80|n, wrong.bytes),
				want: fmt.Sprintf("8a %02x %s", n, wrong.bytes),
			},
			row{name: wrong.name + ", pong", in: fmt.Sprintf("8a %02x 00000000 %s", 0x80|n, wrong.bytes)})
	}
	runRows(t, rows)
}
