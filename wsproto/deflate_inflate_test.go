package wsproto

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// slowInflate is the obvious twin of inflate without a limit: compress/flate over
// the payload and the tail, or over the payload alone if that ends behind a block.
// An empty final block of ours tells an end from a cut; that it is in neither of
// two forms a part of the message tells that it was read as one.
func slowInflate(payload []byte) (message []byte, ok bool) {
	for _, tail := range []string{"\x00\x00\xff\xff", ""} {
		message, ok := slowBlocks(payload, tail+"\x01\x00\x00\xff\xff")
		again, okAgain := slowBlocks(payload, tail+"\x03\x00")
		if ok && okAgain && bytes.Equal(message, again) {
			return message, true
		}
	}
	return nil, false
}

// slowBlocks reads final blocks until everything is read.
func slowBlocks(payload []byte, end string) (message []byte, ok bool) {
	src := bytes.NewReader(append(bytes.Clone(payload), end...))
	for src.Len() > 0 {
		more, err := io.ReadAll(flate.NewReaderDict(src, message))
		message = append(message, more...)
		if err != nil {
			return nil, false
		}
	}
	return message, true
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
			d := new(deflater)
			d.w = must(flate.NewWriter(d, level))
			got, fault := inflate(d.deflate(text), len(text))
			if fault != 0 || !bytes.Equal(got, text) {
				t.Errorf("%s at level %d: got %d bytes, %v", name, level, len(got), fault)
			}
		}
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
