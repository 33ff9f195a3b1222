package recovery

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// sixBytes is randomness that draws the epoch BCDEFG.
func sixBytes() *bytes.Reader { return bytes.NewReader([]byte{1, 2, 3, 4, 5, 6}) }

func TestOffsets(t *testing.T) {
	e := newEpoch(sixBytes())
	for _, row := range []struct {
		name     string
		position Position
		want     string
	}{
		{"the first", 1, "BCDEFG" + "~" + "AAAAAAAAB"},
		{"the highest digit", 63, "BCDEFG" + "~" + "AAAAAAAA_"},
		{"two digits", 64, "BCDEFG" + "~" + "AAAAAAABA"},
		{"all digits differ", 0o010203040506071110, "BCDEFG" + "~" + "BCDEFGHJI"},
		{"the last", 1<<54 - 1, "BCDEFG" + "~" + "_________"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := e.offset(row.position)
			if got.String() != row.want {
				t.Fatalf("position %d is %q, want %q", row.position, got, row.want)
			}
			if epoch, p, ok := parseOffset(row.want); epoch != e || p != row.position || !ok {
				t.Fatalf("parsed as %q, %d, %v", epoch, p, ok)
			}
		})
	}
}

func TestEpochIsOfDigits(t *testing.T) {
	for _, row := range []struct {
		name   string
		random []byte
		want   string
	}{
		{"the lowest bytes", []byte{0, 0, 0, 0, 0, 0}, "AAAAAA"},
		{"the highest", []byte{255, 255, 255, 255, 255, 255}, "______"},
		{"only six bits of each count", []byte{64, 65, 128, 129, 192, 193}, "ABABAB"},
	} {
		if e := newEpoch(bytes.NewReader(row.random)); string(e[:]) != row.want {
			t.Errorf("%s: %q, want %q", row.name, e, row.want)
		}
	}
}

func TestNoRandomnessIsNoJournal(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an epoch was made of nothing")
		}
	}()
	newEpoch(strings.NewReader("five!"))
}

func TestWhatIsNoOffset(t *testing.T) {
	for _, row := range []struct{ name, offset string }{
		{"an application's word", "hello"},
		{"too short", "BCDEFG~AAAAAAAA"},
		{"too long", "BCDEFG~AAAAAAAAAB"},
		{"without the mark", "BCDEFGAAAAAAAAAB"},
		{"the mark elsewhere", "BCDEF~GAAAAAAAAB"},
		{"a character beside the alphabet in the epoch", "BCDE+G~AAAAAAAAB"},
		{"a character beside the alphabet in the position", "BCDEFG~AAAA AAAB"},
		{"two marks", "BCDEFG~AAAA~AAAB"},
		{"not ASCII", "BCDEFG~AAAAAAé"},
	} {
		if _, p, ok := parseOffset(row.offset); ok {
			t.Errorf("%s: %q is taken for position %d", row.name, row.offset, p)
		}
	}
}

func FuzzOffset(f *testing.F) {
	for _, s := range []string{"", "BCDEFG~AAAAAAAAB", "BCDEFGAAAAAAAAAB", "______~_________", "BCDEFG~\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, p, ok := parseOffset(s)
		if !ok {
			return
		}
		if p > math.MaxUint64>>10 {
			t.Fatalf("%q is position %d", s, p)
		}
		if back := e.offset(p); back.String() != s {
			t.Fatalf("%q is read as %d, which is %q", s, p, back)
		}
	})
}
