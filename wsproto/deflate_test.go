package wsproto

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"starling/internal/invariants"
)

// deflateRows are read with compression agreed on.
var deflateRows = withDeflate([]readerRow{
	// The examples of RFC 7692 7.2.3, but for one that needs the message before.
	{name: "7.2.3.1, a compressed message", role: Client, in: "c1 07 f248cdc9c90700", want: []string{"text Hello"}},
	{name: "7.2.3.1, in two fragments", role: Client, in: "41 03 f248cd  80 04 c9c90700", want: []string{"text Hello"}},
	{name: "7.2.3.2, a window that is not shared", role: Client, in: "c1 07 f248cdc9c90700  c1 05 f200110000", want: []string{"text Hello"}, err: ErrDeflate},
	{name: "7.2.3.3, a block without compression", role: Client, in: "c1 0b 000500faff 'Hello' 00", want: []string{"text Hello"}},
	{name: "7.2.3.4, a final block", role: Client, in: "c1 08 f348cdc9c90700 00", want: []string{"text Hello"}},
	{name: "7.2.3.5, two blocks", role: Client, in: "c1 0d f2480500 0000ffff cac9c90700", want: []string{"text Hello"}},
	{name: "7.2.3.6, an empty message", role: Client, in: "c1 01 00", want: []string{"text "}},

	// Frames and fragments.
	{name: "masked", in: "c1 87 37fa213d c5b2ecf4fefd21", want: []string{"text Hello"}},
	{name: "binary", in: "c2 87 00000000 f248cdc9c90700", want: []string{"binary Hello"}},
	{name: "two messages", in: "c1 87 00000000 f248cdc9c90700  c2 87 00000000 f248cdc9c90700", want: []string{"text Hello", "binary Hello"}},
	{name: "every second message", in: "c1 87 00000000 f248cdc9c90700  81 82 00000000 'ab'  c1 81 00000000 00  82 80 00000000", want: []string{"text Hello", "text ab", "text ", "binary "}},
	{
		name: "fragments in turn", in: "42 81 00000000 f2  80 86 00000000 48cdc9c90700  02 81 00000000 f2  80 82 00000000 48cd  41 80 00000000  80 87 00000000 f248cdc9c90700",
		want: []string{"binary Hello", "binary \xf2\x48\xcd", "text Hello"},
	},
	{name: "an empty last fragment", in: "41 87 00000000 f248cdc9c90700  80 80 00000000", want: []string{"text Hello"}},
	{name: "fragments that are all empty", in: "41 80 00000000  80 80 00000000", want: []string{"text "}},
	{
		name: "control frames between fragments", in: "41 83 00000000 f248cd  89 82 00000000 c3ff  00 82 00000000 c9c9  8a 80 00000000  80 82 00000000 0700",
		want: []string{"ping \xc3\xff", "pong ", "text Hello"},
	},
	{name: "a close between fragments", in: "41 83 00000000 f248cd  88 82 00000000 03e8  80 84 00000000 c9c90700", want: []string{"close \x03\xe8"}},
	{name: "a close with a bad reason between fragments", in: "41 83 00000000 f248cd  88 84 00000000 03e8c328", err: ErrCloseReasonNotUTF8},
	{name: "a message that never ends", in: "c1 87 00000000 f248cdc9", want: nil},

	// RFC 7692 6: the bit, and those that still mean nothing.
	{name: "RSV1 on the second fragment", in: "41 83 00000000 f248cd  c0 84 00000000 c9c90700", err: ErrReservedBits},
	{name: "RSV1 on the second fragment alone", in: "01 83 00000000 'abc'  c0 84 00000000 c9c90700", err: ErrReservedBits},
	{name: "RSV1 on a ping", in: "c9 80 00000000", err: ErrReservedBits},
	{name: "RSV1 on a pong between fragments", in: "41 83 00000000 f248cd  ca 80 00000000", err: ErrReservedBits},
	{name: "RSV1 on a close", in: "c8 80 00000000", err: ErrReservedBits},
	{name: "RSV1 on an opcode that is reserved", in: "c3 80 00000000", err: ErrReservedOpcode},
	{name: "RSV1 on a message inside a message", in: "41 83 00000000 f248cd  c1 80 00000000", err: ErrContinuationExpected},
	{name: "RSV1 on a continuation of nothing", in: "c0 80 00000000", err: ErrReservedBits},
	{name: "RSV2", in: "a1 80 00000000", err: ErrReservedBits},
	{name: "RSV3", in: "91 80 00000000", err: ErrReservedBits},
	{name: "RSV1 and RSV2", in: "e1 81 00000000 00", err: ErrReservedBits},
	{name: "RSV1 and RSV3", in: "d2 81 00000000 00", err: ErrReservedBits},

	// Limits: 70,000 bytes and 4 fragments.
	{name: "the biggest message", in: "c2 d5 00000000 ecc13101000000c2a0f54f6d094fa0 00*67 80b701", want: []string{"binary " + strings.Repeat("\x00", 70_000)}},
	{name: "a message of a byte too many", in: "c2 d5 00000000 ecc13101000000c2a0f54f6d094fa0 00*67 80bb01", err: ErrMessageTooBig},
	{name: "a message that is compressed to a byte too many", in: "c2 ff 0000000000011171 00000000", err: ErrMessageTooBig},
	{name: "fragments whose sum is a byte too many", in: "42 81 00000000 00  80 ff 0000000000011170 00000000", err: ErrMessageTooBig},
	{name: "5 fragments", in: "42 80 00000000  00 80 00000000  00 80 00000000  00 80 00000000  80 81 00000000 00", err: ErrTooManyFragments},

	// RFC 6455 8.1: what comes out of text is UTF-8.
	{name: "runes of every length", in: "c1 8d 00000000 4a3cbce451d39a0ff367340000", want: []string{"text aä€😀"}},
	{name: "runes in fragments", in: "41 83 00000000 4a3cbc  00 84 00000000 e451d39a  80 86 00000000 0ff367340000", want: []string{"text aä€😀"}},
	{name: "bad text", in: "c1 84 00000000 4afc0f00", err: ErrTextNotUTF8},
	{name: "text that ends in a rune", in: "c1 84 00000000 4a3c0c00", err: ErrTextNotUTF8},
	{name: "bad text in fragments", in: "41 82 00000000 4afc  80 82 00000000 0f00", err: ErrTextNotUTF8},
	{name: "binary is not looked at", in: "c2 84 00000000 4afc0f00", want: []string{"binary a\xff"}},
	{name: "binary in fragments is not looked at", in: "42 82 00000000 4afc  80 82 00000000 0f00", want: []string{"binary a\xff"}},
}, inflateRows)

// inflateRow is what a payload is inflated to.
type inflateRow struct {
	name, payload, want string
	bad                 bool
}

// inflateRows are payloads that zlib made, or reads alike, but that it reads no
// further than a final block, and asks for no end.
var inflateRows = []inflateRow{
	{name: "an empty payload", payload: ""},
	{name: "a final block of nothing", payload: "0300"},
	{name: "a final block without compression, of nothing", payload: "010000ffff"},
	{name: "dynamic codes", payload: "5c894912802010c4bed23e6d5815905194f5f5ea49cb53920a89449214dd00bd3e7de33fa4d2c6ce8bf3618dbcede93873a9ad8f73d6d8f3223d44e21a61b8c1e5753bc045273c3bd0e8506c2f00", want: "abracadabra abracadabra! abracadabra abracadabra! abcdefghijklmnopqrstuvwxyzthe quick brown fox jumps over the lazy dog"},
	{name: "codes of one bit and two", payload: "0ce0350d000000c03068ad7f135b2d00", want: "aaaa"},
	{name: "codes of one to twelve bits", payload: skewed, want: skewedText()},
	{name: "codes of one to fifteen bits, and nothing but the end", payload: twoTables + " 00"},
	{name: "a code for the end alone", payload: "04e0350d000000c030f877dd00"},
	{name: "no code for distances, and no need of one", payload: "0ce0350d000000c03068ad7f135b04", want: "a"},
	{name: "room for all codes for lengths", payload: "ece0350d000000c03068ad7f139b910a", want: "a"},
	{name: "room for all codes for distances", payload: "0cfd350d000000c03068ad7f135b9508", want: "a"},
	{name: "the longest length", payload: "4a1c050000", want: strings.Repeat("a", 259)},
	{name: "the longest distance", payload: "000080ff7f 'x' 61*32767 1abdff1f00", want: "x" + strings.Repeat("a", 32767) + "x" + strings.Repeat("a", 257)},
	{name: "a window across blocks", payload: "f248cdc9c90700 0000ffff f200110000", want: "HelloHello"},
	{name: "a window across a block without compression", payload: "f248cdc9c90700 0000ffff 000200fdff 2c20 00 0000ffff f200110000", want: "Hello, Hlo, "},
	{name: "the tail, which should not have travelled", payload: "f248cdc9c90700 0000ffff", want: "Hello"},

	// RFC 7692 7.2.1, 7.2.2, 7.2.3.4: final blocks.
	{name: "a final block, and nothing behind it", payload: "f348cdc9c90700", want: "Hello"},
	{name: "a final block without compression, and nothing behind it", payload: "010500faff 'Hello'", want: "Hello"},
	{name: "a final block that ends within a byte", payload: "4b04020000", want: "aaaa"},
	{name: "a block behind a final one", payload: "f348cdc9c90700 f248cdc9c90700", want: "HelloHello"},
	{name: "two final blocks", payload: "f348cdc9c90700 f348cdc9c90700 00", want: "HelloHello"},
	{name: "a window across a final block", payload: "f348cdc9c90700 f200110000", want: "HelloHello"},
	{name: "a final block that takes the tail", payload: "01"},
	{name: "a block that takes the tail for its bytes", payload: "000400fbff", want: "\x00\x00\xff\xff"},
	{name: "a reserved block behind a final one", payload: "f348cdc9c90700 07", bad: true},
	{name: "a byte behind a final block", payload: "f348cdc9c90700 ff", bad: true},
	{name: "two bytes 00 behind a final block", payload: "f348cdc9c90700 0000", bad: true},

	// What is no DEFLATE.
	{name: "a reserved block", payload: "07", bad: true},
	{name: "a block without compression that is longer than it says", payload: "000400fbff 'Hello' 00", bad: true},
	{name: "a block without compression that is shorter than it says", payload: "000500faff 'Hell'", bad: true},
	{name: "a block without compression that takes more than the tail", payload: "000500faff", bad: true},
	{name: "lengths that are not each other's inverse", payload: "000500fafe 'Hello' 00", bad: true},
	{name: "a byte 00 too many", payload: "f248cdc9c9070000", bad: true},
	{name: "a byte too few", payload: "f248cdc9c907", bad: true},
	{name: "a length that does not exist", payload: "4a1c030000", bad: true},
	{name: "a distance that does not exist", payload: "4a043e0000", bad: true},
	{name: "a distance to before the message", payload: "4a04420000", bad: true},
	{name: "a distance to the byte before the message", payload: "00ff7f0080 'x' 61*32766 1abdff1f00", bad: true},
	{name: "room for more codes for lengths than there are", payload: "f4e0350d000000c03068ad7f139b920a", bad: true},
	{name: "room for more codes for distances than there are", payload: "0cfe350d000000c03068ad7f135b9d08", bad: true},
	{name: "codes that are too many", payload: "04e0350d000000c030686dfd8b6803", bad: true},
	{name: "a single code for a distance, of two bits", payload: "0ce0350d000000c03068ad7f13db04", bad: true},
	{name: "a single code for the end, of two bits", payload: "04e0350d000000c030f877bd02", bad: true},
	{name: "codes that are too few", payload: "0ce0350d000000c030689d7f135b2d00", bad: true},
	{name: "codes of codes that are too many", payload: "0ce00104000000401000", bad: true},
	{name: "codes of codes that are too few", payload: "0ce00108000000802000", bad: true},
	{name: "no code for the end", payload: "04e0350d000000c03068ad7f1515", bad: true},
	{name: "a repetition of nothing", payload: "0ce0350d000000c0300000", bad: true},
	{name: "a repetition beyond the codes", payload: "0ce0350d000000c03068ad7fff00", bad: true},
	{name: "a code that stands for nothing", payload: "0ce0350d000000c03068ad7f135b1d", bad: true},
	{name: "no code for distances, and need of one", payload: "0ce0350d000000c03068ad7f135b2c00", bad: true},
}

// withDeflate is the rows with compression agreed on, and each payload as a
// message.
func withDeflate(rows []readerRow, payloads []inflateRow) []readerRow {
	for i := range rows {
		rows[i].deflate = true
	}
	for _, p := range payloads {
		header := fmt.Sprintf("c2 %02x", 0x80|len(wire(p.payload)))
		if len(wire(p.payload)) > 125 {
			header = fmt.Sprintf("c2 fe %04x", len(wire(p.payload)))
		}
		row := readerRow{name: p.name, deflate: true, in: header + " 00000000 " + p.payload, want: []string{"binary " + p.want}}
		if p.bad {
			row.want, row.err = nil, ErrDeflate
		}
		rows = append(rows, row)
	}
	return rows
}

func TestReaderDeflate(t *testing.T) {
	for _, row := range deflateRows {
		t.Run(row.name, row.test)
	}
}

// TestReaderDeflateAlone wants what does not use compression to be read as if
// there were none.
func TestReaderDeflateAlone(t *testing.T) {
	for _, row := range readerRows {
		if !strings.HasPrefix(row.name, "RSV1") {
			row.deflate = true
			row.expect(t, row.name, wire(row.in))
			row.expect(t, row.name, bytewise(wire(row.in))...)
		}
	}
}

// TestReaderDeflateOff wants a Reader that was not told to know no compression.
func TestReaderDeflateOff(t *testing.T) {
	r := NewReader(Client, &testLimits)
	if _, err := feed(t, &r, wire("c1 07 f248cdc9c90700")); err != ErrReservedBits {
		t.Errorf("got %v", err)
	}
}

// TestReaderDeflateLends wants an inflated payload to be the caller's until the
// next call and no longer, to be no part of what arrived, and to leave nothing
// behind.
func TestReaderDeflateLends(t *testing.T) {
	for _, row := range []struct{ name, before, in string }{
		{"whole", "", "c1 87 00000000 f248cdc9c90700"},
		{"its header cut", "c1", "87 00000000 f248cdc9c90700"},
		{"in pieces", "c1 87 00000000 f248cd", "c9c90700"},
		{"in fragments", "41 83 00000000 f248cd", "80 84 00000000 c9c90700"},
		{"behind an empty fragment", "41 80 00000000", "80 87 00000000 f248cdc9c90700"},
	} {
		r := NewReader(Server, &testLimits)
		r.EnableDeflate()
		feed(t, &r, wire(row.before))
		in := wire(row.in)
		m, _, err := r.Next(in)
		clear(in)
		if err != nil || string(m.Payload) != "Hello" {
			t.Errorf("%s: got %q, %v", row.name, m, err)
		}
		if r.partial != nil {
			t.Errorf("%s: an idle Reader has state", row.name)
		}
		r.Next(nil)
		if want := "Hello"; invariants.Enabled && string(m.Payload) == want {
			t.Errorf("%s: after the next call the payload is still %q", row.name, want)
		}
	}
}

// TestReaderDeflateSetLimits lowers and raises the limits under a message.
func TestReaderDeflateSetLimits(t *testing.T) {
	for _, row := range []struct {
		before, after int
		want          error
	}{{4, 5, nil}, {5, 4, ErrMessageTooBig}} {
		r := NewReader(Server, &Limits{row.before, 2})
		r.EnableDeflate()
		feed(t, &r, wire("41 83 00000000 4a1c05")) // 259 times an a
		r.SetLimits(&Limits{row.after + 254, 2})
		if _, err := feed(t, &r, wire("80 82 00000000 0000")); err != row.want {
			t.Errorf("from %d to %d: %v", row.before, row.after, err)
		}
	}
}

// noise is n bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	must(rand.NewChaCha8([32]byte{}).Read(b))
	return b
}

// TestAppendDeflatedFrame has payloads around each change of the header's form.
// What does not compress is one block that says so, and the empty one behind it.
func TestAppendDeflatedFrame(t *testing.T) {
	for _, row := range []struct {
		op      Opcode
		payload []byte
		header  string
	}{
		{OpText, nil, "c1 01"},
		{OpText, []byte("Hello"), "c1 0b 000500faff"}, // as in RFC 7692 7.2.3.3
		{OpBinary, noise(119), "c2 7d 00770088ff"},
		{OpBinary, noise(120), "c2 7e 007e 00780087ff"},
		{OpBinary, noise(65529), "c2 7e ffff 00f9ff0600"},
		{OpBinary, noise(65530), "c2 7f 0000000000010000 00faff0500"},
	} {
		payload := bytes.Clone(row.payload)
		want := slices.Concat(wire("'before' "+row.header), row.payload, []byte{0})
		for _, dst := range [][]byte{[]byte("before"), append(make([]byte, 0, 1<<17), "before"...)} {
			if got := AppendDeflatedFrame(dst, row.op, payload); !bytes.Equal(got, want) {
				t.Errorf("%d bytes: got % .40x, want % .40x", len(payload), got, want)
			}
		}
		if !bytes.Equal(payload, row.payload) {
			t.Errorf("%d bytes: the caller's payload has changed", len(payload))
		}
	}
}

// TestDeflateRoundTrip wants each payload to be one frame, whatever was compressed
// before it, that a Reader of either role and the twin make the payload of.
func TestDeflateRoundTrip(t *testing.T) {
	frames := map[int][]byte{}
	for round := range 2 {
		for size := 1; size < 300_000; size = size*7/4 + 1 {
			for kind, payload := range [][]byte{eventText(max(size, 200)), bytes.Repeat([]byte{'a'}, size), noise(size)} {
				frame := AppendDeflatedFrame(nil, OpBinary, payload)
				if first := frames[3*size+kind]; round > 0 && !bytes.Equal(frame, first) {
					t.Fatalf("%d bytes become % .40x, and % .40x at first", size, frame, first)
				}
				frames[3*size+kind] = frame
				checkDeflated(t, frame, payload)
			}
		}
	}
}

// checkDeflated reads a frame in both roles, and with the twin.
func checkDeflated(t *testing.T, frame, payload []byte) {
	t.Helper()
	for role, in := range [][]byte{Server: masked(frame), Client: bytes.Clone(frame)} {
		r := NewReader(Role(role), &Limits{MessageBytesMax: 1_000_000})
		r.EnableDeflate()
		m, n, err := r.Next(in)
		if err != nil || n != len(in) || m.Op != Opcode(frame[0]&opBits) || !bytes.Equal(m.Payload, payload) {
			t.Fatalf("of %d bytes the Reader makes %d, %d, %v", len(payload), len(m.Payload), n, err)
		}
	}
	if slow, ok := slowInflate(frame[headerLen(frame[1]):]); !ok || !bytes.Equal(slow, payload) {
		t.Fatalf("of %d bytes the twin makes %d, %v", len(payload), len(slow), ok)
	}
}

// TestDeflateConcurrently has many goroutines compress, and read one frame that
// they share, each on its connection.
func TestDeflateConcurrently(t *testing.T) {
	shared, text := AppendDeflatedFrame(nil, OpText, eventText(2000)), eventText(2000)
	var done sync.WaitGroup
	for g := range 8 {
		done.Go(func() {
			r := NewReader(Client, &Limits{MessageBytesMax: 1_000_000})
			r.EnableDeflate()
			for i := range 50 {
				own := eventText(300 + 50*g + i)
				in := AppendDeflatedFrame(bytes.Clone(shared), OpText, own)
				got, err := feed(t, &r, in)
				if want := []string{"text " + string(text), "text " + string(own)}; err != nil || !slices.Equal(got, want) {
					t.Errorf("got %.80q, %v", got, err)
				}
			}
		})
	}
	done.Wait()
}

// TestDeflateMistakes wants what must not be compressed to be seen where
// invariants are checked.
func TestDeflateMistakes(t *testing.T) {
	for _, op := range []Opcode{OpContinuation, OpClose, OpPing, OpPong} {
		if panics(func() { AppendDeflatedFrame(nil, op, nil) }) != invariants.Enabled {
			t.Errorf("opcode %x panics: %v", op, !invariants.Enabled)
		}
	}
}

// FuzzAppendDeflatedFrame wants of each payload a frame that all read alike.
func FuzzAppendDeflatedFrame(f *testing.F) {
	f.Add([]byte("Hello"), uint16(1))
	f.Add([]byte("abracadabra "), uint16(9000))
	f.Add(eventText(1000), uint16(2))
	f.Fuzz(func(t *testing.T, payload []byte, times uint16) {
		payload = bytes.Repeat(payload, min(int(times), 1_000_000/(len(payload)+1)))
		checkDeflated(t, AppendDeflatedFrame(nil, OpBinary, payload), payload)
	})
}

// twoTables are two blocks with a code whose words are as short and as long as
// can be, of which each takes the shortest: the end. They fill 62 bytes.
const twoTables = "34e003140084a268dbae6cdbb66ddbb66ddbb66ddbb66ddbb6ed9afbdcf7ff44033e400140288ab6edcab66ddbb66ddbb66ddbb66ddbb66ddbaeb9cf7dff4f"

// skewed is skewedText as zlib writes it with codes alone.
const skewed = "04c14102c3300cc3b0b76e6b135b22ff7f1df0f9fe7ecff3bceffbbee79c73ce39f7de7befbdf7de7b67 66*10 77*16 " +
	"374992244992244992244992244992244992244992b46ddbb66ddbb66ddbb66ddbb66ddbb66ddbb66ddbb66ddbb66ddbb66ddbb66ddb16 00*35 40 55*57 d53f00"

// skewedText has each letter from a to m as often as the two before it.
func skewedText() string {
	var text strings.Builder
	for letter, n, next := 'a', 1, 1; letter <= 'm'; letter, n, next = letter+1, next, n+next {
		text.WriteString(strings.Repeat(string(letter), n))
	}
	return text.String()
}

// masked is an unmasked frame as a client sends it, under the mask 00000000.
func masked(frame []byte) []byte {
	n := headerLen(frame[1])
	frame = slices.Insert(bytes.Clone(frame), n, 0, 0, 0, 0)
	frame[1] |= maskBit
	return frame
}
