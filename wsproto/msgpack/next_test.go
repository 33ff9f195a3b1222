package msgpack

import (
	"slices"
	"strings"
	"testing"
)

func TestElements(t *testing.T) {
	rows := []struct {
		name string
		data string
		want []string
	}{
		{"none", "\x90", nil},
		{"scalars", "\x97\x01\xff\xc0\xc3\xcc\xff\xca\x00\x00\x00\x00\xa1a", []string{"\x01", "\xff", "\xc0", "\xc3", "\xcc\xff", "\xca\x00\x00\x00\x00", "\xa1a"}},
		{"strings of every form", "\x94\xa0\xd9\x01a\xda\x00\x01a\xdb\x00\x00\x00\x01a", []string{"\xa0", "\xd9\x01a", "\xda\x00\x01a", "\xdb\x00\x00\x00\x01a"}},
		{"binary of every form", "\x93\xc4\x01a\xc5\x00\x01a\xc6\x00\x00\x00\x01a", []string{"\xc4\x01a", "\xc5\x00\x01a", "\xc6\x00\x00\x00\x01a"}},
		{"ext of every form", "\x98" + everyExt, []string{
			"\xd4\x05a", "\xd5\x05ab", "\xd6\x05abcd", "\xd7\x05abcdefgh", "\xd8\x05abcdefghabcdefgh", "\xc7\x01\x05a", "\xc8\x00\x01\x05a", "\xc9\x00\x00\x00\x01\x05a",
		}},
		{"containers", "\x94\x92\x01\x91\xa1a\x82\xa1a\x90\xa1b\x80\x90\x01", []string{"\x92\x01\x91\xa1a", "\x82\xa1a\x90\xa1b\x80", "\x90", "\x01"}},
		{"containers of every form", "\xdc\x00\x04\xdc\x00\x01\x01\xdd\x00\x00\x00\x01\x01\xde\x00\x01\xa1a\x01\xdf\x00\x00\x00\x01\xa1a\x01", []string{
			"\xdc\x00\x01\x01", "\xdd\x00\x00\x00\x01\x01", "\xde\x00\x01\xa1a\x01", "\xdf\x00\x00\x00\x01\xa1a\x01",
		}},
		{"list as array 32", "\xdd\x00\x00\x00\x01\x01", []string{"\x01"}},
		{"deep", "\x92" + strings.Repeat("\x91", DepthMax-1) + "\x01\x02", []string{strings.Repeat("\x91", DepthMax-1) + "\x01", "\x02"}},

		{"no payload", "", nil},
		{"no list", "\x81\xa1a\x01", nil},
		{"no value", "\xc1", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			values, n := Parser{}.Elements([]byte(row.data))
			var got []string
			for range n {
				var value []byte
				value, values = Parser{}.Next(values)
				if len(value) != cap(value) {
					t.Error("appending to a value would write into the next one")
				}
				got = append(got, string(value))
			}
			if !slices.Equal(got, row.want) || len(values) > 0 {
				t.Fatalf("got %q and %q behind them, want %q", got, values, row.want)
			}
		})
	}
}

// Of bytes that Parse has not seen, Next takes what is there and never more.
func TestNextOfAnything(t *testing.T) {
	for _, values := range []string{"\xc1\x01", "\xc4\x05a", "\xdd\xff\xff\xff\xff\x01", "\x92\x01\xc1", strings.Repeat("\x91", 1_000)} {
		value, rest := Parser{}.Next([]byte(values))
		if string(value) != values || len(rest) > 0 {
			t.Errorf("%q: %q and %q", values, value, rest)
		}
	}
}
