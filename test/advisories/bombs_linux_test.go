package advisories_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// deflated is the payload of a compressed message of so many bytes of one letter (RFC 7692 7.2.1), some thousandth of that:
// a megabyte is compressed, over and over the same.
func deflated(t *testing.T, letter string, n int) []byte {
	t.Helper()
	const unit = 1 << 20
	var whole []byte
	if n >= unit {
		whole = flushed(t, letter, unit)
	}
	all := append(bytes.Repeat(whole, n/unit), flushed(t, letter, n%unit)...)
	return bytes.TrimSuffix(all, []byte{0x00, 0x00, 0xff, 0xff})
}

// flushed is what n bytes of one letter are compressed to, up to a flush.
func flushed(t *testing.T, letter string, n int) []byte {
	t.Helper()
	if n == 0 {
		return nil
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err == nil {
		_, err = io.WriteString(w, strings.Repeat(letter, n))
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// compressedText and compressedBinary are the first bytes of frames whose message is compressed.
const (
	compressedText   = 0xc1
	compressedBinary = 0xc2
)

// explode has a client send frames, and be told that they are too big.
func explode(t *testing.T, s *stage, how transport, joined bool, frames []byte) {
	t.Helper()
	p := come(t, s, how, joined)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = p.ws.Write(frames) // not all of it need be taken
	}()
	if err := p.wantEnd(1009); err != nil {
		t.Error(err)
	}
	p.close()
	<-sent
}

func bombs(t *testing.T, s *stage, how transport) {
	bomb := starlingtest.Masked(compressedBinary, deflated(t, "\x00", 64<<20))
	for range 50 { // and as many over the other transport
		explode(t, s, how, false, bomb)
	}
	explode(t, s, how, true, starlingtest.Masked(compressedText, deflated(t, "4", 1_000_001)))
}

func bombInFragments(t *testing.T, s *stage, how transport) {
	payload := deflated(t, "\x00", 64<<20)
	half := len(payload) / 2
	frames := starlingtest.Masked(compressedBinary&^0x80, payload[:half]) // without FIN
	for _, b := range payload[half : half+1000] {
		frames = append(frames, starlingtest.Masked(0x00, []byte{b})...)
	}
	unfinished := come(t, s, how, false) // and so it stays: nothing is inflated
	if _, err := unfinished.ws.Write(frames); err != nil {
		t.Fatal(err)
	}
	explode(t, s, how, false, append(frames, starlingtest.Masked(0x80, payload[half+1000:])...))
}

func largeBomb(t *testing.T, s *stage, how transport) {
	explode(t, s, how, true, starlingtest.Masked(compressedBinary, deflated(t, "\x00", 256<<20)))
}

func smallBomb(t *testing.T, s *stage, how transport) {
	explode(t, s, how, true, starlingtest.Masked(compressedText, deflated(t, "a", 64<<10)))
	p := come(t, s, how, true)
	if _, err := p.ws.Write(starlingtest.Masked(compressedText, deflated(t, "6", 1))); err != nil { // as small as one may be
		t.Fatal(err)
	}
	wantEcho(t, "who sends little", p)
	explode(t, s, how, true, starlingtest.Masked(compressedText, deflated(t, "4", 129)))
}
