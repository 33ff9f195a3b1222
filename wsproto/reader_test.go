package wsproto

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"starling/internal/invariants"
)

// readerRow is one input, and what a Reader must make of it however it is cut.
type readerRow struct {
	name    string
	role    Role
	deflate bool
	in      string // see wire
	want    []string
	err     error
}

// testLimits are small enough for a row to pass them.
var testLimits = Limits{MessageBytesMax: 70_000, FragmentsMax: 4}

var readerRows = []readerRow{
	// The examples of RFC 6455 5.7.
	{name: "unmasked text", role: Client, in: "81 05 48656c6c6f", want: []string{"text Hello"}},
	{name: "masked text", in: "81 85 37fa213d 7f9f4d5158", want: []string{"text Hello"}},
	{name: "fragmented unmasked text", role: Client, in: "01 03 48656c  80 02 6c6f", want: []string{"text Hello"}},
	{name: "unmasked ping", role: Client, in: "89 05 48656c6c6f", want: []string{"ping Hello"}},
	{name: "masked pong", in: "8a 85 37fa213d 7f9f4d5158", want: []string{"pong Hello"}},
	{
		name: "256 bytes in one frame", role: Client, in: "82 7e 0100 61*256",
		want: []string{"binary " + strings.Repeat("a", 256)},
	},
	{
		name: "64 KiB in one frame", role: Client, in: "82 7f 0000000000010000 61*65536",
		want: []string{"binary " + strings.Repeat("a", 65536)},
	},

	// Framing.
	{name: "nothing", in: ""},
	{name: "empty text", in: "81 80 00000000", want: []string{"text "}},
	{name: "empty binary", in: "82 80 01020304", want: []string{"binary "}},
	{name: "empty ping, pong and close", in: "89 80 00000000  8a 80 00000000  88 80 00000000", want: []string{"ping ", "pong ", "close "}},
	{name: "125 bytes", in: "82 fd 00000000 61*125", want: []string{"binary " + strings.Repeat("a", 125)}},
	{name: "126 bytes", in: "82 fe 007e 00000000 61*126", want: []string{"binary " + strings.Repeat("a", 126)}},
	{name: "65535 bytes", in: "82 fe ffff 00000000 61*65535", want: []string{"binary " + strings.Repeat("a", 65535)}},
	{
		name: "frames back to back", in: "81 81 00000000 'a'  82 81 00000000 'b'  81 81 00000000 'c'",
		want: []string{"text a", "binary b", "text c"},
	},
	{name: "a frame that does not end", in: "81 81 00000000 'a'  82 85 00000000 'abcd'", want: []string{"text a"}},
	{name: "a header that does not end", in: "81 81 00000000 'a'  82 fe 00", want: []string{"text a"}},
	{name: "every byte of the mask", in: "82 89 01020304 60636265 60636265 60", want: []string{"binary aaaaaaaaa"}},

	// RFC 6455 5.2: reserved bits and opcodes, lengths.
	{name: "RSV1", in: "c1 80 00000000", err: ErrReservedBits},
	{name: "RSV1, as a deflated bomb begins", in: "c2 fe ffff 00000000 00*16", err: ErrReservedBits},
	{name: "RSV2", in: "a1 80 00000000", err: ErrReservedBits},
	{name: "RSV3", in: "91 80 00000000", err: ErrReservedBits},
	{name: "RSV1 on a ping", in: "c9 80 00000000", err: ErrReservedBits},
	{name: "RSV1 on a continuation", in: "01 80 00000000  c0 80 00000000", err: ErrReservedBits},
	{name: "opcode 3", in: "83 80 00000000", err: ErrReservedOpcode},
	{name: "opcode 7", in: "87 80 00000000", err: ErrReservedOpcode},
	{name: "opcode b", in: "8b 80 00000000", err: ErrReservedOpcode},
	{name: "opcode f", in: "8f 80 00000000", err: ErrReservedOpcode},
	{name: "opcode 3 inside a message", in: "01 80 00000000  83 80 00000000", err: ErrReservedOpcode},
	{name: "2 bytes for a length of 125", in: "82 fe 007d 00000000 61*125", err: ErrLengthNotMinimal},
	{name: "2 bytes for a length of 5", in: "82 fe 0005 00000000 'abcde'", err: ErrLengthNotMinimal},
	{name: "8 bytes for a length of 65535", in: "82 ff 000000000000ffff 00000000", err: ErrLengthNotMinimal},
	{name: "8 bytes for a length of 5", in: "82 ff 0000000000000005 00000000 'abcde'", err: ErrLengthNotMinimal},
	{name: "8 bytes for the length of a ping", in: "89 ff 0000000000000005 00000000 'abcde'", err: ErrLengthNotMinimal},
	{name: "length 2^63", in: "82 ff 8000000000000000 00000000", err: ErrLengthTopBit},
	{name: "length 2^64-1", in: "82 ff ffffffffffffffff 00000000", err: ErrLengthTopBit},

	// RFC 6455 5.1, 5.3: masks.
	{name: "a client without a mask", in: "81 05 'Hello'", err: ErrMaskMissing},
	{name: "a client's empty frame without a mask", in: "81 00", err: ErrMaskMissing},
	{name: "a client's ping without a mask", in: "89 00", err: ErrMaskMissing},
	{name: "a client whose second frame is not masked", in: "81 81 00000000 'a'  81 01 'b'", want: []string{"text a"}, err: ErrMaskMissing},
	{name: "a server with a mask", role: Client, in: "81 85 37fa213d 7f9f4d5158", err: ErrMaskUnexpected},
	{name: "a server with a mask of zeros", role: Client, in: "81 85 00000000 'Hello'", err: ErrMaskUnexpected},

	// RFC 6455 5.5: control frames.
	{name: "a ping of 125 bytes", in: "89 fd 00000000 61*125", want: []string{"ping " + strings.Repeat("a", 125)}},
	{name: "a ping of 126 bytes", in: "89 fe 007e 00000000 61*126", err: ErrControlTooLong},
	{name: "a pong of 2^40 bytes", in: "8a ff 0000010000000000 00000000", err: ErrControlTooLong},
	{name: "a close of 126 bytes", in: "88 fe 007e 00000000 03e8 61*124", err: ErrControlTooLong},
	{name: "a ping in fragments", in: "09 80 00000000  80 80 00000000", err: ErrControlFragmented},
	{name: "a close in fragments", in: "08 82 00000000 03e8", err: ErrControlFragmented},
	{name: "a ping in fragments inside a message", in: "01 80 00000000  09 80 00000000", err: ErrControlFragmented},

	// RFC 6455 5.4: fragments.
	{name: "an empty first and an empty last fragment", in: "01 80 00000000  80 80 00000000", want: []string{"text "}},
	{name: "an empty first fragment", in: "01 80 00000000  80 82 00000000 'ab'", want: []string{"text ab"}},
	{name: "an empty middle and last fragment", in: "02 81 00000000 'a'  00 80 00000000  80 80 00000000", want: []string{"binary a"}},
	{name: "fragments with masks of their own", in: "01 83 37fa213d 7f9f4d  80 82 3dfa2137 5195", want: []string{"text Hello"}},
	{
		name: "control frames between fragments",
		in:   "01 82 00000000 'ab'  89 81 00000000 'p'  00 81 00000000 'c'  8a 80 00000000  80 81 00000000 'd'",
		want: []string{"ping p", "pong ", "text abcd"},
	},
	{
		name: "a close between fragments", in: "01 82 00000000 'ab'  88 82 00000000 03e8  80 81 00000000 'c'",
		want: []string{"close \x03\xe8"},
	},
	{
		name: "two fragmented messages", in: "01 81 00000000 'a'  80 81 00000000 'b'  02 81 00000000 'c'  80 81 00000000 'd'",
		want: []string{"text ab", "binary cd"},
	},
	{name: "a message inside a message", in: "01 81 00000000 'a'  81 81 00000000 'b'", err: ErrContinuationExpected},
	{name: "a fragmented message inside a message", in: "01 81 00000000 'a'  02 81 00000000 'b'", err: ErrContinuationExpected},
	{name: "a message inside a message, behind a ping", in: "01 80 00000000  89 80 00000000  82 80 00000000", want: []string{"ping "}, err: ErrContinuationExpected},
	{name: "a continuation of nothing", in: "80 81 00000000 'a'", err: ErrContinuationOrphan},
	{name: "a first fragment that is a continuation", in: "00 80 00000000", err: ErrContinuationOrphan},
	{name: "a continuation of a whole message", in: "81 81 00000000 'a'  80 81 00000000 'b'", want: []string{"text a"}, err: ErrContinuationOrphan},
	{name: "a continuation of an ended message", in: "01 80 00000000  80 80 00000000  80 80 00000000", want: []string{"text "}, err: ErrContinuationOrphan},

	// Limits: 70,000 bytes and 4 fragments.
	{name: "the biggest message", in: "82 ff 0000000000011170 00000000 61*70000", want: []string{"binary " + strings.Repeat("a", 70_000)}},
	{name: "a message of a byte too many", in: "82 ff 0000000000011171 00000000", err: ErrMessageTooBig},
	{name: "a message of 2^31", in: "82 ff 0000000080000000 00000000", err: ErrMessageTooBig},
	{name: "a message of 2^40", in: "82 ff 0000010000000000 00000000", err: ErrMessageTooBig},
	{name: "a message of 2^53 + 1", in: "82 ff 0020000000000001 00000000", err: ErrMessageTooBig},
	{name: "a message of 2^63 - 1", in: "81 ff 7fffffffffffffff 00000000", err: ErrMessageTooBig},
	{name: "a server's message of 2^63 - 1", role: Client, in: "81 7f 7fffffffffffffff", err: ErrMessageTooBig},
	{name: "the biggest sum of fragments", in: "02 81 00000000 'a'  80 ff 000000000001116f 00000000 61*69999", want: []string{"binary " + strings.Repeat("a", 70_000)}},
	{name: "fragments whose sum is a byte too many", in: "02 81 00000000 'a'  80 ff 0000000000011170 00000000", err: ErrMessageTooBig},
	{name: "fragments whose sum passes 2^63", in: "02 81 00000000 'a'  80 ff 7fffffffffffffff 00000000", err: ErrMessageTooBig},
	{
		name: "a third fragment that is too much", in: "01 81 00000000 'a'  89 80 00000000  00 fe ffff 00000000 61*65535  00 fe 2000 00000000",
		want: []string{"ping "}, err: ErrMessageTooBig,
	},
	{name: "4 fragments", in: "02 81 00000000 'a'  00 80 00000000  00 80 00000000  80 81 00000000 'b'", want: []string{"binary ab"}},
	{name: "5 fragments", in: "02 81 00000000 'a'  00 80 00000000  00 80 00000000  00 80 00000000  80 80 00000000", err: ErrTooManyFragments},
	{name: "empty fragments without end", in: "01 80 00000000  00 80 00000000  00 80 00000000  00 80 00000000  00 80 00000000", err: ErrTooManyFragments},
	{
		name: "control frames are no fragments", in: "02 80 00000000  89 80 00000000  89 80 00000000  89 80 00000000  89 80 00000000  80 80 00000000",
		want: []string{"ping ", "ping ", "ping ", "ping ", "binary "},
	},

	// RFC 6455 8.1: text is UTF-8.
	{name: "runes of every length", in: "81 8a 00000000 41 c3a4 e282ac f09f9880", want: []string{"text Aä€😀"}},
	{name: "a rune in two fragments", in: "01 82 00000000 61 c3  80 81 00000000 a4", want: []string{"text aä"}},
	{name: "a rune in four fragments", in: "01 81 00000000 f0  00 81 00000000 9f  00 81 00000000 98  80 81 00000000 80", want: []string{"text 😀"}},
	{name: "a rune around a ping", in: "01 82 00000000 e282  89 81 00000000 ac  80 81 00000000 ac", want: []string{"ping \xac", "text €"}},
	{name: "binary is not looked at", in: "82 82 00000000 fffe", want: []string{"binary \xff\xfe"}},
	{name: "a ping is not looked at", in: "89 82 00000000 fffe", want: []string{"ping \xff\xfe"}},
	{name: "fragmented binary is not looked at", in: "02 81 00000000 ff  80 81 00000000 fe", want: []string{"binary \xff\xfe"}},
	{name: "bad text", in: "81 82 00000000 61 ff", err: ErrTextNotUTF8},
	{name: "text that ends in a rune", in: "81 82 00000000 61 c3", err: ErrTextNotUTF8},
	{name: "fragmented text that ends in a rune", in: "01 81 00000000 61  80 81 00000000 c3", err: ErrTextNotUTF8},
	{name: "a rune that the next fragment does not end", in: "01 82 00000000 61 c3  80 81 00000000 61", err: ErrTextNotUTF8},
	{name: "fragmented text with an empty end that leaves a rune cut", in: "01 82 00000000 61 c3  80 80 00000000", err: ErrTextNotUTF8},
	{name: "bad text, and the frame has not ended", in: "81 85 00000000 61 ff", err: ErrTextNotUTF8},
	{name: "bad text, and the message has not ended", in: "01 82 00000000 61 ff  89 80 00000000", err: ErrTextNotUTF8},
	{name: "a surrogate, and the frame has not ended", in: "81 85 00000000 eda0", err: ErrTextNotUTF8},
	{name: "a rune in more bytes than it needs", in: "81 85 00000000 c0af", err: ErrTextNotUTF8},
	{name: "a rune beyond U+10FFFF, before its end", in: "81 85 00000000 f490", err: ErrTextNotUTF8},
	{name: "bad text in a middle fragment", in: "01 81 00000000 61  00 81 00000000 80", err: ErrTextNotUTF8},

	// RFC 6455 5.5.1, 7.4: the close frame.
	{name: "a close without a code", in: "88 80 00000000", want: []string{"close "}},
	{name: "a close with a code", in: "88 82 00000000 03e8", want: []string{"close \x03\xe8"}},
	{name: "a close with a reason", in: "88 85 00000000 03e9 'bye'", want: []string{"close \x03\xe9bye"}},
	{name: "a close with the longest reason", in: "88 fd 00000000 0fa0 61*123", want: []string{"close \x0f\xa0" + strings.Repeat("a", 123)}},
	{name: "a close of one byte", in: "88 81 00000000 03", err: ErrCloseBodyShort},
	{name: "a close with a code that must not be sent", in: "88 82 00000000 03ed", err: ErrCloseCode},
	{name: "a close with a bad reason", in: "88 84 00000000 03e8 c328", err: ErrCloseReasonNotUTF8},
	{name: "a close with a reason that is cut", in: "88 83 00000000 03e8 c3", err: ErrCloseReasonNotUTF8},
	{name: "what follows a close is not read", in: "88 80 00000000  81 81 00000000 'a'  83 ff*20", want: []string{"close "}},
}

func (row readerRow) reader() *Reader {
	r := NewReader(row.role, &testLimits)
	if row.deflate {
		r.EnableDeflate()
	}
	return &r
}

// expect feeds the row in these pieces.
func (row readerRow) expect(t *testing.T, how string, chunks ...[]byte) {
	t.Helper()
	got, err := feed(t, row.reader(), chunks...)
	if !slices.Equal(got, row.want) || err != row.err {
		t.Errorf("%s: got %.200q, %v; want %.200q, %v", how, got, err, row.want, row.err)
	}
}

func TestReader(t *testing.T) {
	for _, row := range readerRows {
		t.Run(row.name, row.test)
	}
}

// test feeds the row whole, in bytes, and cut at each byte.
func (row readerRow) test(t *testing.T) {
	in := wire(row.in)
	row.expect(t, "whole", in)
	row.expect(t, "byte by byte", bytewise(in)...)
	for cut := range in {
		if len(in) > 1024 && 32 < cut && cut < len(in)-32 && cut%8192 > 1 {
			continue // inside a long payload one cut is like the next
		}
		row.expect(t, fmt.Sprintf("cut at %d", cut), in[:cut], in[cut:])
	}
}

// TestReaderFailsFast wants the failure with the very byte that makes the text
// hopeless, as the obvious twin tells it, and no sooner.
func TestReaderFailsFast(t *testing.T) {
	for _, text := range []string{
		"61 80", "61 ff", "61 c0", "61 c1", "c3 28", "e0 80", "e0 9f", "e0 a0 28", "ed a0", "ed bf", "e2 82 28", "ef bf c3",
		"f0 80", "f0 8f", "f0 90 28", "f0 9f 98 28", "f4 90", "f5", "f8", "fe", "f0 9f 98 80 bf", "c3 a4 c3 c3", "ef bb bf ff",
	} {
		payload := wire(text)
		for last := range payload {
			if ok := slowValidPrefix(payload[:last+1]); ok == (last == len(payload)-1) {
				t.Fatalf("% x is to go wrong with its last byte", payload)
			}
		}
		frames := map[string]string{
			"in a frame that arrives": "81 fe 1000 00000000 " + text,
			"in a last fragment":      "01 81 00000000 61  80 fe 1000 00000000 " + text,
		}
		for where, picture := range frames {
			in := wire(picture)
			r := NewReader(Server, &testLimits)
			if got, err := feed(t, &r, bytewise(in[:len(in)-1])...); err != nil || got != nil {
				t.Errorf("%s %s: one byte early there is %q, %v", text, where, got, err)
			}
			if _, err := feed(t, &r, in[len(in)-1:]); err != ErrTextNotUTF8 {
				t.Errorf("%s %s: the last byte makes %v", text, where, err)
			}
		}
	}
}

// TestReaderFragmentFlood is 10^6 empty continuation frames.
func TestReaderFragmentFlood(t *testing.T) {
	r := NewReader(Server, &Limits{MessageBytesMax: MessageBytesMax, FragmentsMax: FragmentsMax})
	in := wire("01 80 00000000")
	for range 1_000_000 {
		in = append(in, 0x00, 0x80, 0, 0, 0, 0)
	}
	for fragments := 0; ; fragments++ {
		_, n, err := r.Next(in[:6])
		if err != nil {
			if err != ErrTooManyFragments || fragments != FragmentsMax {
				t.Errorf("after %d fragments: %v", fragments, err)
			}
			return
		}
		in = in[n:]
	}
}

// TestReaderAllocatesWhatArrives declares much, sends little, and wants little
// to be held; and nothing once the message is out.
func TestReaderAllocatesWhatArrives(t *testing.T) {
	r := NewReader(Server, &Limits{MessageBytesMax: 1 << 40, FragmentsMax: 2})
	if r.HeldBytes() != 0 {
		t.Errorf("a new Reader holds %d bytes", r.HeldBytes())
	}
	feed(t, &r, wire("82 ff 0000000100000000 00000000 61*1000"))
	if held := r.HeldBytes(); held < 1000 || held > 2*(1000+accumulatorBytesMin) {
		t.Errorf("after 1,000 of 2^32 bytes %d are held", held)
	}

	r = NewReader(Server, &testLimits)
	feed(t, &r, wire("82 fe 0400 00000000"))
	if held := r.HeldBytes(); held != 0 {
		t.Errorf("for a mere header %d bytes are held", held)
	}
	feed(t, &r, wire("61*1000"))
	if held := r.HeldBytes(); held != 1024 {
		t.Errorf("for the last 24 bytes of 1,024 there is room for %d", held)
	}
	if got, _ := feed(t, &r, wire("61*24")); len(got) != 1 || r.HeldBytes() != 0 {
		t.Errorf("with %d messages out, %d bytes are held", len(got), r.HeldBytes())
	}
	if r.partial != nil {
		t.Error("an idle Reader has state")
	}
}

// TestReaderControlLetsGo wants no more held for a control frame once it is
// out, and the message around it kept.
func TestReaderControlLetsGo(t *testing.T) {
	r := NewReader(Server, &testLimits)
	feed(t, &r, wire("01 81 00000000 'a'  89 85 00000000 'pi'"))
	if r.partial.control == nil {
		t.Fatal("half a ping is not held")
	}
	got, err := feed(t, &r, wire("'ngs'"))
	if !slices.Equal(got, []string{"ping pings"}) || err != nil || r.partial.control != nil {
		t.Errorf("got %q, %v; the ping is still held: %v", got, err, r.partial.control != nil)
	}
	got, err = feed(t, &r, wire("80 81 00000000 'b'"))
	if !slices.Equal(got, []string{"text ab"}) || err != nil || r.partial != nil {
		t.Errorf("got %q, %v; there is state: %v", got, err, r.partial != nil)
	}
}

// TestReaderEndsIdle wants no state behind a control frame that came in pieces,
// unless a message goes on around it, and none at all behind a close.
func TestReaderEndsIdle(t *testing.T) {
	for _, row := range []struct {
		name   string
		pieces []string
		idle   bool
	}{
		{"a ping", []string{"89 82 00000000 'a'", "'b'"}, true},
		{"a ping between fragments", []string{"01 80 00000000  89 82 00000000 'a'", "'b'"}, false},
		{"a close", []string{"88 82 00000000 03", "e8"}, true},
		{"a close between fragments", []string{"01 81 00000000 'x'  88 82 00000000 03", "e8"}, true},
		{"a whole close between fragments", []string{"01 81 00000000 'x'", "88 80 00000000"}, true},
		{"a message", []string{"81 82 00000000 'a'", "'b'"}, true},
	} {
		r := NewReader(Server, &testLimits)
		for _, piece := range row.pieces {
			if _, err := feed(t, &r, wire(piece)); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
		}
		if idle := r.partial == nil; idle != row.idle {
			t.Errorf("%s leaves no state: %v, want %v", row.name, idle, row.idle)
		}
	}
}

// TestReaderAliases says where a payload lies: in the argument if its frame is
// in one piece, and then the caller may append to it without harm.
func TestReaderAliases(t *testing.T) {
	for _, row := range []struct{ name, before, in string }{
		{"whole", "", "82 82 00000000 'ab'  89 80 00000000"},
		{"its header cut", "82", "82 00000000 'ab'  89 80 00000000"},
		{"behind an empty fragment", "02 80 00000000", "80 82 00000000 'ab'  89 80 00000000"},
	} {
		r := NewReader(Server, &testLimits)
		feed(t, &r, wire(row.before))
		in := wire(row.in)
		m, n, err := r.Next(in)
		if err != nil || string(m.Payload) != "ab" {
			t.Fatalf("%s: got %q, %v", row.name, m, err)
		}
		if &m.Payload[0] != &in[n-2] {
			t.Errorf("%s: the payload was copied", row.name)
		}
		_ = append(m.Payload, "overwrites"...)
		if in[n] != 0x89 {
			t.Errorf("%s: an append to the payload reached the next frame", row.name)
		}
	}
}

// TestReaderSetLimits lowers and raises the limits under a message.
func TestReaderSetLimits(t *testing.T) {
	r := NewReader(Server, &Limits{MessageBytesMax: 4, FragmentsMax: 2})
	feed(t, &r, wire("02 83 00000000 'abc'"))
	r.SetLimits(&Limits{MessageBytesMax: 10, FragmentsMax: 2})
	if got, err := feed(t, &r, wire("80 83 00000000 'def'")); err != nil || !slices.Equal(got, []string{"binary abcdef"}) {
		t.Errorf("raised: got %q, %v", got, err)
	}
	feed(t, &r, wire("02 83 00000000 'abc'"))
	r.SetLimits(&Limits{MessageBytesMax: 1, FragmentsMax: 2})
	if _, err := feed(t, &r, wire("80 80 00000000")); err != ErrMessageTooBig {
		t.Errorf("lowered: %v", err)
	}
}

// TestLimitsAreLiteral wants zero to allow nothing but what is nothing, and a
// message in one frame to be no fragment.
func TestLimitsAreLiteral(t *testing.T) {
	for _, row := range []struct {
		limits Limits
		in     string
		want   error
	}{
		{Limits{0, 0}, "81 80 00000000", nil},
		{Limits{0, 0}, "81 81 00000000 'a'", ErrMessageTooBig},
		{Limits{0, 0}, "01 80 00000000", ErrTooManyFragments},
		{Limits{1, 0}, "81 81 00000000 'a'", nil},
		{Limits{1, 1}, "01 80 00000000", nil},
		{Limits{1, 1}, "01 80 00000000  80 80 00000000", ErrTooManyFragments},
		{Limits{1, 2}, "01 80 00000000  80 80 00000000", nil},
	} {
		r := NewReader(Server, &row.limits)
		if _, err := feed(t, &r, wire(row.in)); err != row.want {
			t.Errorf("%+v, %s: %v, want %v", row.limits, row.in, err, row.want)
		}
	}
}

// TestReaderMangles wants a payload that is read after its time to be seen for
// what it is, if it lay in a buffer of the Reader's.
func TestReaderMangles(t *testing.T) {
	if !invariants.Enabled {
		t.Skip("only builds with invariants mangle")
	}
	for _, row := range []struct{ name, before, in, late string }{
		{"a message in fragments", "01 81 00000000 'a'", "80 81 00000000 'b'", "cccc"},
		{"a message in pieces", "81 82 00000000 'a'", "'b'", "cccc"},
		{"a ping in pieces", "89 82 00000000 'a'", "'b'", "cccc"},
		{"a ping in pieces between fragments", "01 81 00000000 'x'  89 82 00000000 'a'", "'b'", "cccc"},
		{"a message in the argument", "", "81 82 00000000 'ab'", "'ab'"},
		{"a message in the argument but for its header", "81", "82 00000000 'ab'", "'ab'"},
		{"a ping in the argument, between fragments", "01 81 00000000 'x'", "89 82 00000000 'ab'", "'ab'"},
	} {
		r := NewReader(Server, &testLimits)
		feed(t, &r, wire(row.before))
		m, _, _ := r.Next(wire(row.in))
		if string(m.Payload) != "ab" {
			t.Errorf("%s: got %q", row.name, m)
		}
		r.Next(nil)
		if want := string(wire(row.late)); string(m.Payload) != want {
			t.Errorf("%s: after the next call the payload is %q, want %q", row.name, m.Payload, want)
		}
	}
}

// TestReaderSize keeps what an idle connection pays: a word for the limits, a
// word for the state that it has not, and four bytes.
func TestReaderSize(t *testing.T) {
	if !invariants.Enabled && unsafe.Sizeof(Reader{}) > 24 {
		t.Errorf("an idle Reader is %d bytes", unsafe.Sizeof(Reader{}))
	}
}
