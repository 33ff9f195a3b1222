package wsproto

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	kflate "github.com/klauspost/compress/flate"
)

// slowInflate is the obvious twin of inflate without a limit: compress/flate over
// the payload and the tail. What that finds corrupt, the reader that inflate uses
// is asked too, but a new one: for codes that a block should bring and does not it
// has those of the block before.
func slowInflate(payload []byte) (message []byte, ok bool) {
	payload = bytes.TrimSuffix(payload, []byte("\x00\x00\xff\xff"))
	if message, ok = slowStreams(flate.NewReader(nil), payload); !ok {
		message, ok = slowStreams(kflate.NewReader(nil), payload)
	}
	return message, ok
}

// slowStreams reads final blocks until the payload is read.
func slowStreams(z io.Reader, payload []byte) (message []byte, ok bool) {
	src := bytes.NewReader(slices.Concat([]byte(inflateHead), payload, []byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	for src.Len() > 9 {
		must(0, z.(flate.Resetter).Reset(src, message))
		more, err := io.ReadAll(z)
		message = append(message, more...)
		if err != nil {
			return nil, false
		}
	}
	return message, true
}

// slowDeflate is the obvious twin of deflate, at any level.
func slowDeflate(payload []byte, level int) []byte {
	var out bytes.Buffer
	w := must(flate.NewWriter(&out, level))
	must(w.Write(payload))
	must(0, w.Flush())
	return bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff"))
}

// TestInflate cuts each payload at each byte, and lets each pass the limit.
func TestInflate(t *testing.T) {
	for _, row := range inflateRows {
		payload := wire(row.payload)
		for n := range len(payload) + 1 {
			if len(payload) > 1024 && 64 < n && n < len(payload)-64 {
				continue
			}
			checkInflate(t, payload[:n], math.MaxInt)
		}
		if _, ok := slowInflate(payload); ok == row.bad {
			t.Errorf("%s: the twin says %v", row.name, ok)
		}
		for _, most := range []int{0, 1, len(row.want) - 1, len(row.want)} {
			checkInflate(t, payload, max(most, 0))
		}
	}
}

// checkInflate holds inflate to its twin, and to leave the payload alone.
func checkInflate(t *testing.T, payload []byte, most int) {
	t.Helper()
	before := bytes.Clone(payload)
	got, fault := inflate(payload, most)
	want, ok := slowInflate(payload)
	switch {
	case !ok && fault == 0, ok && fault == ErrDeflate, ok && (fault == ErrMessageTooBig) != (len(want) > most):
		t.Fatalf("% .300x, at most %d: got %d bytes, %v; want %d, %v", payload, most, len(got), fault, len(want), ok)
	case fault != 0:
		return
	}
	if !bytes.Equal(got, want) || !bytes.Equal(payload, before) {
		t.Fatalf("% .300x: got %.300q, want %.300q", payload, got, want)
	}
	if cap(got) > 2*len(got)+8 { // the least that is allocated
		t.Fatalf("% .300x: %d bytes keep %d", payload, len(got), cap(got))
	}
}

// TestInflateCodes has each length and each distance, at each level and with
// codes of every length.
func TestInflateCodes(t *testing.T) {
	var skewed []byte
	for i, n := 0, 1; i < 24; i, n = i+1, n*8/5+1 {
		skewed = append(skewed, bytes.Repeat([]byte{byte(i)}, n)...)
	}
	repeats := []byte("abc")
	for n := 3; n <= 258; n++ {
		repeats = append(append(repeats, repeats[:n]...), byte(n))
	}
	for distance := 1; distance <= 32768; distance = distance*5/4 + 1 {
		start := len(repeats) - distance
		repeats = append(repeats, repeats[start:start+min(distance, 40)]...)
	}
	for name, text := range map[string][]byte{"skewed": skewed, "repeats": repeats, "events": eventText(50_000)} {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			got, fault := inflate(slowDeflate(text, level), len(text))
			if fault != 0 || !bytes.Equal(got, text) {
				t.Errorf("%s at level %d: got %d bytes, %v", name, level, len(got), fault)
			}
		}
	}
}

// TestInflateForgets wants a corrupt message, which has no code for distances and
// uses one, not to get that of the message before it.
func TestInflateForgets(t *testing.T) {
	z := newInflater()
	if got, fault := z.inflate(wire("0ce0350d000000c03068ad7f135b2d00"), 4); string(got) != "aaaa" || fault != 0 {
		t.Errorf("in front: got %q, %v", got, fault)
	}
	if got, fault := z.inflate(wire("0ce0350d000000c03068ad7f135b2c00"), 4); fault != ErrDeflate {
		t.Errorf("got %q, %v", got, fault)
	}
}

// TestInflateLetsGo wants an idle decompressor to refer to no payload.
func TestInflateLetsGo(t *testing.T) {
	for _, row := range inflateRows {
		z := newInflater()
		payload := append(make([]byte, 0, 1024), wire(row.payload)...) // in no block with others
		alive := weak.Make(&payload[:1][0])
		z.inflate(payload, 1000)
		payload = nil
		runtime.GC()
		if alive.Value() != nil {
			t.Errorf("%s: the payload is still there", row.name)
		}
		runtime.KeepAlive(z)
	}
}

// zeros is the payload of a million zeros, but with room for others: each byte 00
// that stands for the star is 1,032 of them.
const zeros = "ecc101010000008220ffaf6e484001 00*%d af06"

// TestReaderDeflateBomb wants a bomb to be found out by what it has come to.
func TestReaderDeflateBomb(t *testing.T) {
	for _, row := range []struct {
		name, in string
		want     error
	}{
		{"1,000,000 bytes of 985", "c2 fe 03d9 00000000 " + fmt.Sprintf(zeros, 968), nil},
		{"1,001,032 bytes of 986", "c2 fe 03da 00000000 " + fmt.Sprintf(zeros, 969), ErrMessageTooBig},
		{"256 MB of 248 KB", "c2 ff 000000000003c910 00000000 " + fmt.Sprintf(zeros, 248_063), ErrMessageTooBig},
		{"1 GB of 1 MB", "c2 ff 00000000000f4240 00000000 " + fmt.Sprintf(zeros, 999_983), ErrMessageTooBig},
		{"1 GB of a byte more", "c2 ff 00000000000f4241 00000000 " + fmt.Sprintf(zeros, 999_984), ErrMessageTooBig},
	} {
		in := wire(row.in)
		for _, pieces := range [][][]byte{{in}, slices.Collect(slices.Chunk(in, 64<<10))} {
			r := NewReader(Server, &Limits{MessageBytesMax: 1_000_000})
			r.EnableDeflate()
			got, err := feed(t, &r, pieces...)
			if err != row.want || err == nil && (len(got) != 1 || got[0] != "binary "+strings.Repeat("\x00", 1_000_000)) {
				t.Errorf("%s, in %d pieces: %d messages, %v", row.name, len(pieces), len(got), err)
			}
		}
	}
}

// FuzzInflate holds inflate to compress/flate, over what the fuzzer makes up and
// over what it makes of a message.
func FuzzInflate(f *testing.F) {
	for _, row := range inflateRows {
		if payload := wire(row.payload); len(payload) < 512 {
			f.Add(payload, uint16(len(row.want)))
		}
	}
	f.Add(wire(twoTables+" 00"), uint16(9))
	f.Add(wire(skewed), uint16(700))
	f.Fuzz(func(t *testing.T, payload []byte, most uint16) {
		checkInflate(t, payload, int(most))
		checkInflate(t, payload, math.MaxInt)
	})
}
