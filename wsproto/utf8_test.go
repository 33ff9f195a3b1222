package wsproto

import (
	"testing"
	"unicode/utf8"
)

// wellFormed is the table of well-formed byte sequences of RFC 3629 4: for each
// byte of a rune, the range that it may be in.
var wellFormed = [][][2]byte{
	{{0x00, 0x7f}},
	{{0xc2, 0xdf}, {0x80, 0xbf}},
	{{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}},
	{{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}},
	{{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}},
	{{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}},
	{{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
	{{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
	{{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}},
}

// slowWhole is the obvious twin of validPrefix: it takes runes off b by the
// table. ok is false if what is left is not the beginning of a row.
func slowWhole(b []byte) (whole int, ok bool) {
next:
	for whole < len(b) {
		for _, row := range wellFormed {
			if matches(row, b[whole:]) && len(b)-whole >= len(row) {
				whole += len(row)
				continue next
			}
		}
		for _, row := range wellFormed {
			if matches(row, b[whole:]) {
				return whole, true
			}
		}
		return whole, false
	}
	return whole, true
}

// matches reports whether b and the row agree as far as both go.
func matches(row [][2]byte, b []byte) bool {
	for i := range min(len(row), len(b)) {
		if b[i] < row[i][0] || row[i][1] < b[i] {
			return false
		}
	}
	return true
}

// slowValidPrefix reports whether b can become valid UTF-8.
func slowValidPrefix(b []byte) bool {
	_, ok := slowWhole(b)
	return ok
}

func checkValidPrefix(t *testing.T, b []byte) {
	whole, ok := validPrefix(b)
	wantWhole, wantOK := slowWhole(b)
	if ok != wantOK || ok && whole != wantWhole {
		t.Errorf("validPrefix(% x) = %d, %v; want %d, %v", b, whole, ok, wantWhole, wantOK)
	}
	if wantOK && wantWhole == len(b) != utf8.Valid(b) {
		t.Errorf("% x: the twin is wrong", b)
	}
}

// TestValidPrefix tries every sequence of bytes from the edges of the table's
// ranges, as long as the longest rune and one more.
func TestValidPrefix(t *testing.T) {
	edges := []byte{
		0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
		0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
	}
	for _, b := range []string{"", "e282ac", "f09f9880", "f48fbfbf", "61e282", "61f09f98", "808080", "61808080", "61bfbfbfbf"} {
		checkValidPrefix(t, wire(b))
	}
	var try func(b []byte, more int)
	try = func(b []byte, more int) {
		checkValidPrefix(t, b)
		if more > 0 && slowValidPrefix(b) { // a hopeless prefix has no hopeful continuation
			for _, c := range edges {
				try(append(b[:len(b):len(b)], c), more-1)
			}
		}
	}
	try(nil, utf8.UTFMax+1)
}

func FuzzValidPrefix(f *testing.F) {
	for _, b := range []string{"", "61", "c3", "c3a4", "eda0", "f48f", "f490", "f09f98", "61e282ac80"} {
		f.Add(wire(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkValidPrefix(t, b) })
}
