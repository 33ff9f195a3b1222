package access

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestParsePattern(t *testing.T) {
	for _, tc := range []struct {
		name, pattern string
		want          error
	}{
		{"a name", "ws:acme", nil},
		{"a name that ends in a colon", "ws:acme:", nil},
		{"a prefix", "ws:acme:*", nil},
		{"a prefix of users", "user:*", nil},
		{"an empty first part", ":*", nil},
		{"255 bytes", strings.Repeat("a", 253) + ":*", nil},
		{"256 bytes", strings.Repeat("a", 254) + ":*", ErrRoomBytes},
		{"a name of 256 bytes", strings.Repeat("a", 256), ErrRoomBytes},
		{"nothing", "", ErrRoomBytes},
		{"a star alone", "*", ErrPatternStar},
		{"a star behind a word", "acme*", ErrPatternStar},
		{"a star as the first part", "*:acme", ErrPatternStar},
		{"a star in the middle", "ws:*:board", ErrPatternStar},
		{"two stars", "ws:**", ErrPatternStar},
		{"two prefixes", "ws:*:*", ErrPatternStar},
		{"a star behind another colon", "ws：*", ErrPatternStar},
		{"a control character", "ws:\n:*", ErrNameControl},
		{"a star behind a NUL", "ws:\x00*", ErrNameControl},
		{"no UTF-8", "ws\xff:*", ErrNameUTF8},
		{"a space before", " ws:*", ErrNameSpace},
		{"a space behind", "ws:acme ", ErrNameSpace},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParsePattern(tc.pattern)
			if err != tc.want {
				t.Fatalf("ParsePattern(%q): %v, want %v", tc.pattern, err, tc.want)
			}
			if err == nil && string(got) != tc.pattern || err != nil && got != "" {
				t.Errorf("ParsePattern(%q) = %q", tc.pattern, got)
			}
		})
	}
}

// matches are rows of a pattern, a room, and whether the room is meant.
var matches = []struct {
	name          string
	pattern, room string
	want          bool
}{
	{"a name means itself", "acme", "acme", true},
	{"a name means nothing below it", "acme", "acme:x", false},
	{"a name means nothing longer", "acme", "acmecorp", false},
	{"a name means no other capitals", "acme", "ACME", false},
	{"a prefix means what is below it", "acme:*", "acme:x", true},
	{"a prefix means what is deeper", "acme:*", "acme:x:y", true},
	{"a prefix means an empty part that goes on", "acme:*", "acme::x", true},
	{"a prefix means another colon", "acme:*", "acme::", true},
	{"a prefix does not mean its name", "acme:*", "acme", false},
	{"a prefix does not mean itself with nothing behind", "acme:*", "acme:", false},
	{"a prefix means nothing that begins alike", "acme:*", "acmecorp", false},
	{"a prefix means nothing that begins alike and has parts", "acme:*", "acmecorp:x", false},
	{"a prefix means no other capitals", "acme:*", "ACME:x", false},
	{"a prefix means no other first part", "acme:*", "globex:acme:x", false},
	{"a prefix means no pattern", "acme:*", "acme:*", false},
	{"a prefix means no wider pattern", "acme:x:*", "acme:*", false},
	{"a prefix means no name with a control character", "acme:*", "acme:\x00", false},
	{"a prefix means no name that ends in a space", "acme:*", "acme:x ", false},
	{"a prefix means no broken name", "acme:*", "acme:\xff", false},
	{"a prefix means no name that is too long", "acme:*", "acme:" + strings.Repeat("x", 251), false},
	{"a longer prefix", "ws:acme:*", "ws:acme:board-7", true},
	{"a longer prefix means no other workspace", "ws:acme:*", "ws:acme2:board-7", false},
	{"a prefix of users", "user:*", "user:42", true},
	{"a letter of another script", "acme:*", "аcme:x", false},
	{"a colon of another script", "acme:*", "acme：x", false},
	{"the same letter in two pieces", "caf\u00e9:*", "cafe\u0301:x", false},
	{"a zero-width space", "acme:*", "acme\u200b:x", false},
}

func TestMatch(t *testing.T) {
	for _, tc := range matches {
		t.Run(tc.name, func(t *testing.T) {
			p, err := ParsePattern(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Match(tc.room); got != tc.want {
				t.Errorf("%q matches %q: %v", tc.pattern, tc.room, got)
			}
			if got := (Patterns{"elsewhere", p, "elsewhere:*"}).Match(tc.room); got != tc.want {
				t.Errorf("a list with %q matches %q: %v", tc.pattern, tc.room, got)
			}
		})
	}
}

func TestPatternsThatWereNotParsedMeanNothing(t *testing.T) {
	for _, p := range []Pattern{"", "*", "a*", "*:*", "ws:*:*"} {
		for _, room := range []string{"", "a", "*", "a*", "ab", "x:y", "ws:x:y", "ws:*:y", "*:*", string(p)} {
			if p.Match(room) {
				t.Errorf("%q matches %q", p, room)
			}
		}
	}
	if Patterns(nil).Match("lobby") {
		t.Error("no patterns match a room")
	}
}

func TestParsePatterns(t *testing.T) {
	got, err := ParsePatterns([]string{"ws:acme", "ws:acme:*"})
	if err != nil || !slices.Equal(got, Patterns{"ws:acme", "ws:acme:*"}) {
		t.Errorf("ParsePatterns = %q, %v", got, err)
	}
	if got, err = ParsePatterns(nil); got != nil || err != nil {
		t.Errorf("of nothing: %q, %v", got, err)
	}
	got, err = ParsePatterns([]string{"ws:acme", "*"})
	if got != nil || !errors.Is(err, ErrPatternStar) || !strings.HasPrefix(err.Error(), "[1]: ") {
		t.Errorf("of one that is wrong: %q, %v", got, err)
	}
}

// FuzzParsePattern holds parsing and matching against the same by parts.
func FuzzParsePattern(f *testing.F) {
	for _, tc := range matches {
		f.Add(tc.pattern, tc.room)
		f.Add(tc.room, tc.pattern)
	}
	f.Add("*", "a")
	f.Add("ws:*:*", "ws:*:x")
	f.Add("a\x00:*", "a\x00:b")
	f.Add(strings.Repeat("a", 253)+":*", strings.Repeat("a", 253)+":b")
	f.Fuzz(func(t *testing.T, pattern, room string) {
		p, err := ParsePattern(pattern)
		if (err == nil) != slowIsPattern(pattern) {
			t.Fatalf("ParsePattern(%q): %v", pattern, err)
		}
		if (CheckRoom(room) == nil) != slowIsRoom(room) {
			t.Fatalf("CheckRoom(%q): %v", room, CheckRoom(room))
		}
		if err != nil {
			return
		}
		if got, want := p.Match(room), slowIsRoom(room) && slowMatch(pattern, room); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, room, got, want)
		}
		if p.Match(pattern) == strings.HasSuffix(pattern, "*") {
			t.Errorf("%q matches itself: %v", pattern, p.Match(pattern))
		}
	})
}

// slowIsRoom is CheckRoom, rule by rule.
func slowIsRoom(name string) bool {
	isBad := func(r rune) bool { return r == '*' || r == utf8.RuneError || unicode.Is(unicode.Cc, r) }
	return len(name) >= 1 && len(name) <= 255 && utf8.ValidString(name) && !strings.ContainsFunc(name, isBad) &&
		strings.TrimSpace(name) == name
}

// slowIsPattern: all but the last part are those of a name, and the last is one too, or a star.
func slowIsPattern(s string) bool {
	parts := strings.Split(s, ":")
	if last := len(parts) - 1; last > 0 && parts[last] == "*" {
		parts[last] = "x"
	}
	return slowIsRoom(strings.Join(parts, ":"))
}

// slowMatch compares part by part: a star as the last part takes all parts that are left, if there is anything in them.
func slowMatch(pattern, room string) bool {
	want, have := strings.Split(pattern, ":"), strings.Split(room, ":")
	last := len(want) - 1
	if want[last] != "*" {
		return slices.Equal(want, have)
	}
	return len(have) >= len(want) && slices.Equal(want[:last], have[:last]) && strings.Join(have[last:], ":") != ""
}
