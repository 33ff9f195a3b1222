package session

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"starling/internal/invariants"
)

// TestPreparedBinary is the literal form of a binary message: for WebSockets, for those of them that take no binary frames,
// and for clients that poll.
func TestPreparedBinary(t *testing.T) {
	for _, row := range []struct {
		name                    string
		message                 []byte
		frames, base64, payload string
	}{
		{"a small one", []byte{0x83, 0xa4, 't'}, "\x82\x03\x83\xa4t", "\x81\x05bg6R0", "bg6R0"},
		{"empty", nil, "\x82\x00", "\x81\x01b", "b"},
		{"a digit, which is no type", []byte("4"), "\x82\x014", "\x81\x05bNA==", "bNA=="},
		{
			"a longer header",
			bytes.Repeat([]byte{0}, 126),
			"\x82\x7e\x00\x7e" + strings.Repeat("\x00", 126), "\x81\x7e\x00\xa9b" + strings.Repeat("AAAA", 42), "b" + strings.Repeat("AAAA", 42),
		},
		{
			"the longest header",
			bytes.Repeat([]byte{0}, 65538),
			"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x02" + strings.Repeat("\x00", 65538),
			"\x81\x7f\x00\x00\x00\x00\x00\x01\x55\x59b" + strings.Repeat("AAAA", 21846), "b" + strings.Repeat("AAAA", 21846),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p Prepared
			message := bytes.Clone(row.message)
			p.PrepareBinary(message)
			for i := range message {
				message[i] = 0xcc // which is the caller's again
			}
			var wg sync.WaitGroup
			for range 4 { // loops may ask at the same time
				wg.Go(func() {
					if got := string(p.framesFor(0)); got != row.frames {
						t.Errorf("frames %q, want %q", got, row.frames)
					}
					if got := string(p.framesFor(textOnly | polled)); got != row.base64 {
						t.Errorf("base64 %q, want %q", got, row.base64)
					}
					if got := string(p.payload()); got != row.payload {
						t.Errorf("payload %q, want %q", got, row.payload)
					}
					if got := string(unzip(string(p.gzippedPayload()))); got != row.payload {
						t.Errorf("payload, compressed, %q, want %q", got, row.payload)
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestJoinedOfBothKinds is the literal form of binary and text messages that are joined.
func TestJoinedOfBothKinds(t *testing.T) {
	const (
		text, binary = "\x81\x074" + `2["a"]`, "\x82\x02\x01\x02"
		base64       = "\x81\x05bAQI="
	)
	message := func(s string) *Prepared {
		p := new(Prepared)
		if s == binary {
			p.PrepareBinary([]byte{1, 2})
		} else {
			p.Prepare(append(BeginMessage(nil), `2["a"]`...), nil)
		}
		return p
	}
	for _, row := range []struct {
		name                    string
		parts                   []string
		frames, base64, payload string
	}{
		{"text alone", []string{text, text}, text + text, text + text, "42[\"a\"]\x1e42[\"a\"]"},
		{"binary alone", []string{binary, binary}, binary + binary, base64 + base64, "bAQI=\x1ebAQI="},
		{"binary first", []string{binary, text}, binary + text, base64 + text, "bAQI=\x1e42[\"a\"]"},
		{"binary last", []string{text, binary}, text + binary, text + base64, "42[\"a\"]\x1ebAQI="},
		{"binary between", []string{text, binary, text}, text + binary + text, text + base64 + text, "42[\"a\"]\x1ebAQI=\x1e42[\"a\"]"},
	} {
		var joined Prepared
		first := message(row.parts[0])
		for i, part := range row.parts {
			next := message(part)
			if i > 0 && !first.JoinsWith(next, i) {
				t.Errorf("%s: %q does not join", row.name, part)
			}
			joined.Append(next)
		}
		if got := string(joined.framesFor(0)); got != row.frames {
			t.Errorf("%s: frames %q, want %q", row.name, got, row.frames)
		}
		if got := string(joined.framesFor(textOnly)); got != row.base64 {
			t.Errorf("%s: base64 %q, want %q", row.name, got, row.base64)
		}
		if got := string(joined.payload()); got != row.payload {
			t.Errorf("%s: payload %q, want %q", row.name, got, row.payload)
		}
	}
}

// TestCompressionIsForAllThatAreJoined: messages whose compression differs go on their own.
func TestCompressionIsForAllThatAreJoined(t *testing.T) {
	prepared := func(plain bool) *Prepared {
		p := new(Prepared)
		if plain {
			p.NoCompression()
		}
		p.Prepare(append(BeginMessage(nil), strings.Repeat("x", 2000)...), nil)
		return p
	}
	for _, row := range []struct{ first, next, want bool }{
		{false, false, true}, {true, true, true}, {false, true, false}, {true, false, false},
	} {
		if got := prepared(row.first).JoinsWith(prepared(row.next), 1); got != row.want {
			t.Errorf("not compressed %v joins not compressed %v: %v, want %v", row.first, row.next, got, row.want)
		}
	}
	for _, plain := range []bool{false, true} {
		var joined Prepared
		joined.Append(prepared(plain))
		joined.Append(prepared(plain))
		for _, m := range []mode{compressed, compressed | textOnly} {
			if got := joined.framesFor(m); len(got) == len(joined.frames) != plain || (got[0] == 0x81) != plain {
				t.Errorf("not compressed %v: %d bytes that begin with %x", plain, len(got), got[0])
			}
		}
		if got := allPlain([]*Prepared{&joined}); got != plain {
			t.Errorf("not compressed %v: %v of an answer", plain, got)
		}
	}
}

// TestSizes: there is one Session for each client, one exchange for each that polls and waits, and one Prepared for each
// message that does.
func TestSizes(t *testing.T) {
	if math.MaxInt == math.MaxInt32 || invariants.Enabled {
		t.Skip("the sizes are those of machines with 64 bits, without assertions")
	}
	for _, row := range []struct {
		name      string
		size, max uintptr
	}{
		{"Session", unsafe.Sizeof(Session{}), 160},
		{"Prepared", unsafe.Sizeof(Prepared{}), 96},
		{"exchange", unsafe.Sizeof(exchange{}), 96},
		{"upgrade", unsafe.Sizeof(upgrade{}), 144},
	} {
		if row.size > row.max {
			t.Errorf("a %s has %d bytes, and may have %d", row.name, row.size, row.max)
		}
	}
}

// TestPackets shows what a message holds as it was given: without types, headers and separators.
func TestPackets(t *testing.T) {
	text, file, packet, joined := new(Prepared), new(Prepared), new(Prepared), new(Prepared)
	text.Prepare(append(BeginMessage(nil), `2["a"]`...), nil)
	file.Prepare(append(BeginMessage(nil), "51-[]"...), [][]byte{{1, 2}})
	packet.PrepareBinary([]byte{0x83, 4})
	joined.Append(text)
	joined.Append(packet)
	for _, row := range []struct {
		name string
		of   *Prepared
		want string
	}{
		{"text", text, `"2[\"a\"]" []`},
		{"an attachment", file, `"51-[]" ["\x01\x02"]`},
		{"binary", packet, `"\x83\x04" []`},
		{"joined", joined, `"2[\"a\"]" []; "\x83\x04" []`},
	} {
		var got []string
		row.of.Packets(func(packet []byte, attachments [][]byte) {
			got = append(got, fmt.Sprintf("%q %q", packet, attachments))
		})
		if strings.Join(got, "; ") != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
