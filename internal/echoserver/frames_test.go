package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestFrames holds what RFC 6455 says on the frame itself (5.1, 5.2, 5.3).
func TestFrames(t *testing.T) {
	rows := []row{
		{name: "empty text", in: "81 80 00000000", want: "81 00"},
		{name: "empty binary", in: "82 80 00000000", want: "82 00"},
		{name: "empty under a mask", in: "81 80 37fa213d", want: "81 00"},
		{name: "the masked Hello of 5.7", in: "81 85 37fa213d 7f9f4d5158", want: "81 05 'Hello'"},
		{name: "text", in: "81 85 00000000 'Hello'", want: "81 05 'Hello'"},
		{name: "binary that is no text", in: "82 84 00000000 ff00fe80", want: "82 04 ff00fe80"},
		{name: "binary under a mask", in: "82 85 01020304 fe02fd8404", want: "82 05 ff00fe8005"},
		{name: "several in a row", in: "81 81 00000000 'a' 82 81 00000000 'b' 81 80 00000000", want: "81 01 'a' 82 01 'b' 81 00"},

		{name: "text of 125", in: "81 fd 00000000 61*125", want: "81 7d 61*125"},
		{name: "text of 126", in: "81 fe 007e 00000000 61*126", want: "81 7e 007e 61*126"},
		{name: "text of 127", in: "81 fe 007f 00000000 61*127", want: "81 7e 007f 61*127"},
		{name: "text of 128", in: "81 fe 0080 00000000 61*128", want: "81 7e 0080 61*128"},
		{name: "text of 65535", in: "81 fe ffff 00000000 61*65535", want: "81 7e ffff 61*65535"},
		{name: "text of 65536", in: "81 ff 0000000000010000 00000000 61*65536", want: "81 7f 0000000000010000 61*65536"},
		{name: "binary of 125", in: "82 fd 00000000 fe*125", want: "82 7d fe*125"},
		{name: "binary of 126", in: "82 fe 007e 00000000 fe*126", want: "82 7e 007e fe*126"},
		{name: "binary of 127", in: "82 fe 007f 00000000 fe*127", want: "82 7e 007f fe*127"},
		{name: "binary of 128", in: "82 fe 0080 00000000 fe*128", want: "82 7e 0080 fe*128"},
		{name: "binary of 65535", in: "82 fe ffff 00000000 fe*65535", want: "82 7e ffff fe*65535"},
		{name: "binary of 65536", in: "82 ff 0000000000010000 00000000 fe*65536", want: "82 7f 0000000000010000 fe*65536"},

		{name: "125 in a length of 16 bits", in: "81 fe 007d 00000000 61*125", end: protocolError},
		{name: "0 in a length of 16 bits", in: "82 fe 0000 00000000", end: protocolError},
		{name: "65535 in a length of 64 bits", in: "82 ff 000000000000ffff 00000000", end: protocolError},
		{name: "5 in a length of 64 bits", in: "82 ff 0000000000000005 00000000 'Hello'", end: protocolError},
		{name: "a length of 2^63", in: "82 ff 8000000000000000 00000000", end: protocolError},
		{name: "a length of 2^64-1", in: "82 ff ffffffffffffffff 00000000", end: protocolError},
		{name: "text without a mask", in: "81 05 'Hello'", end: protocolError},
		{name: "ping without a mask", in: "89 00", end: protocolError},
		{name: "close without a mask", in: "88 02 03e8", end: protocolError},
		{name: "what is no frame", in: "'GET' 20 '/' 20 'HTTP/1.1' 0d0a0d0a", end: protocolError},
		{name: "a good frame, then a bad one", in: "81 81 00000000 'a' 83 80 00000000", want: "81 01 'a'", end: protocolError},
		{name: "nothing counts behind a bad frame", in: "83 80 00000000 81 81 00000000 'a'", end: protocolError},
	}
	runRows(t, rows)
}

// TestReservedBits sets each combination of the reserved bits, which no extension has given a meaning (RFC 6455 5.2).
func TestReservedBits(t *testing.T) {
	var rows []row
	for rsv := 1; rsv <= 7; rsv++ {
		for _, op := range []int{0x1, 0x2, 0x8, 0x9, 0xa} {
			first := 0x80 | rsv<<4 | op
			rows = append(rows,
				row{name: fmt.Sprintf("%x at once", first), in: fmt.Sprintf("%02x 80 00000000", first), end: protocolError},
				row{
					name: fmt.Sprintf("%x behind a text", first),
					in:   fmt.Sprintf("81 81 00000000 'a' %02x 81 00000000 'b' 89 80 00000000", first),
					want: "81 01 'a'", end: protocolError,
				})
		}
		rows = append(rows, row{
			name: fmt.Sprintf("%x within a message", 0x80|rsv<<4),
			in:   fmt.Sprintf("01 81 00000000 'a' %02x 81 00000000 'b'", 0x80|rsv<<4), end: protocolError,
		})
	}
	runRows(t, rows)
}

// TestReservedOpcodes uses each opcode that RFC 6455 5.2 reserves.
func TestReservedOpcodes(t *testing.T) {
	var rows []row
	for _, op := range []int{0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		rows = append(rows,
			row{name: fmt.Sprintf("%x, empty", op), in: fmt.Sprintf("8%x 80 00000000", op), end: protocolError},
			row{name: fmt.Sprintf("%x, with a payload", op), in: fmt.Sprintf("8%x 85 00000000 'Hello'", op), end: protocolError},
			row{name: fmt.Sprintf("%x, without FIN", op), in: fmt.Sprintf("0%x 80 00000000", op), end: protocolError},
			row{
				name: fmt.Sprintf("%x within a message", op),
				in:   fmt.Sprintf("01 81 00000000 'a' 8%x 80 00000000 80 81 00000000 'b'", op), end: protocolError,
			},
			row{
				name: fmt.Sprintf("%x between messages", op),
				in:   fmt.Sprintf("81 81 00000000 'a' 8%x 80 00000000 81 81 00000000 'b'", op),
				want: "81 01 'a'", end: protocolError,
			})
	}
	runRows(t, rows)
}

// TestPings holds pings and pongs to RFC 6455 5.5.2 and 5.5.3.
func TestPings(t *testing.T) {
	var in, want strings.Builder
	for n := range 126 {
		fmt.Fprintf(&in, "89 %02x 00000000 fe*%d ", 0x80|n, n)
		fmt.Fprintf(&want, "8a %02x fe*%d ", n, n)
	}
	runRows(t, []row{
		{name: "empty", in: "89 80 00000000", want: "8a 00"},
		{name: "with a payload", in: "89 85 00000000 'Hello'", want: "8a 05 'Hello'"},
		{name: "with a payload under a mask", in: "89 85 37fa213d 7f9f4d5158", want: "8a 05 'Hello'"},
		{name: "with bytes that are no text", in: "89 84 00000000 00fffedc", want: "8a 04 00fffedc"},
		{name: "of each length", in: in.String(), want: want.String()},
		{name: "of 126", in: "89 fe 007e 00000000 fe*126", end: protocolError},
		{name: "of 65536", in: "89 ff 0000000000010000 00000000", end: protocolError},
		{
			name: "ten in a row",
			in: "89 81 00000000 '0' 89 81 00000000 '1' 89 81 00000000 '2' 89 81 00000000 '3' 89 81 00000000 '4' " +
				"89 81 00000000 '5' 89 81 00000000 '6' 89 81 00000000 '7' 89 81 00000000 '8' 89 81 00000000 '9'",
			want: "8a 01 '0' 8a 01 '1' 8a 01 '2' 8a 01 '3' 8a 01 '4' 8a 01 '5' 8a 01 '6' 8a 01 '7' 8a 01 '8' 8a 01 '9'",
		},
		{
			name: "in order with messages",
			in:   "81 81 00000000 'a' 89 81 00000000 '1' 81 81 00000000 'b' 89 81 00000000 '2'",
			want: "81 01 'a' 8a 01 '1' 81 01 'b' 8a 01 '2'",
		},
		{name: "pong that nobody asked for", in: "8a 80 00000000"},
		{name: "pong with a payload", in: "8a 85 00000000 'Hello'"},
		{name: "pong of 125", in: "8a fd 00000000 fe*125"},
		{name: "pong of 126", in: "8a fe 007e 00000000 fe*126", end: protocolError},
		{name: "pongs, then a ping", in: "8a 81 00000000 'a' 8a 81 00000000 'b' 89 81 00000000 'c'", want: "8a 01 'c'"},
		{name: "pong, then a message", in: "8a 81 00000000 'a' 81 81 00000000 'b'", want: "81 01 'b'"},
	})
}

// TestFragmentation holds fragments to RFC 6455 5.4. The echo is in one piece.
func TestFragmentation(t *testing.T) {
	runRows(t, []row{
		{name: "the Hello of 5.7", in: "01 83 00000000 'Hel' 80 82 00000000 'lo'", want: "81 05 'Hello'"},
		{name: "each under a mask of its own", in: "01 83 37fa213d 7f9f4d 80 82 01020304 6d6d", want: "81 05 'Hello'"},
		{name: "binary in two", in: "02 81 00000000 ff 80 81 00000000 fe", want: "82 02 fffe"},
		{
			name: "text in five",
			in:   "01 81 00000000 'H' 00 81 00000000 'e' 00 81 00000000 'l' 00 81 00000000 'l' 80 81 00000000 'o'",
			want: "81 05 'Hello'",
		},
		{name: "empty fragments around", in: "01 80 00000000 00 81 00000000 'a' 80 80 00000000", want: "81 01 'a'"},
		{name: "an empty fragment in the middle", in: "01 81 00000000 'a' 00 80 00000000 80 81 00000000 'b'", want: "81 02 'ab'"},
		{name: "nothing but empty fragments", in: "02 80 00000000 00 80 00000000 80 80 00000000", want: "82 00"},
		{name: "fragments of more than 125", in: "01 fe 0080 00000000 61*128 80 fe 0080 00000000 62*128", want: "81 7e 0100 61*128 62*128"},
		{
			name: "two messages, one after the other",
			in:   "01 81 00000000 'a' 80 81 00000000 'b' 02 81 00000000 'c' 80 81 00000000 'd'",
			want: "81 02 'ab' 82 02 'cd'",
		},
		{
			name: "a ping in between",
			in:   "01 83 00000000 'Hel' 89 84 00000000 'ping' 80 82 00000000 'lo'",
			want: "8a 04 'ping' 81 05 'Hello'",
		},
		{
			name: "pings and pongs between all of them",
			in: "01 81 00000000 'a' 89 80 00000000 8a 81 00000000 'x' 00 81 00000000 'b' 89 81 00000000 '1' " +
				"80 81 00000000 'c' 89 81 00000000 '2'",
			want: "8a 00 8a 01 '1' 81 03 'abc' 8a 01 '2'",
		},
		{name: "a message that never ends", in: "01 81 00000000 'a' 00 81 00000000 'b'"},

		{name: "a continuation of nothing", in: "80 81 00000000 'a'", end: protocolError},
		{name: "a continuation of nothing, without FIN", in: "00 81 00000000 'a'", end: protocolError},
		{name: "an empty continuation of nothing", in: "80 80 00000000", end: protocolError},
		{name: "a continuation of a whole message", in: "81 81 00000000 'a' 80 81 00000000 'b'", want: "81 01 'a'", end: protocolError},
		{
			name: "a continuation of what has ended",
			in:   "01 81 00000000 'a' 80 81 00000000 'b' 80 81 00000000 'c'",
			want: "81 02 'ab'", end: protocolError,
		},
		{name: "text in the middle", in: "01 81 00000000 'a' 81 81 00000000 'b'", end: protocolError},
		{name: "binary in the middle", in: "01 81 00000000 'a' 82 81 00000000 'b'", end: protocolError},
		{name: "the first fragment twice", in: "01 81 00000000 'a' 01 81 00000000 'b'", end: protocolError},
		{name: "text in the middle, behind a ping", in: "02 81 00000000 'a' 89 80 00000000 81 81 00000000 'b'", want: "8a 00", end: protocolError},
		{name: "a fragmented ping", in: "09 81 00000000 'a' 80 81 00000000 'b'", end: protocolError},
		{name: "a fragmented pong", in: "0a 81 00000000 'a' 80 81 00000000 'b'", end: protocolError},
		{name: "a fragmented close", in: "08 82 00000000 03e8 80 80 00000000", end: protocolError},
		{name: "a fragmented ping in the middle", in: "01 81 00000000 'a' 09 80 00000000 80 81 00000000 'b'", end: protocolError},
	})
}
