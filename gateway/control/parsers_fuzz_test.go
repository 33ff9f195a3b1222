package control

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzParseKeys wants of any file of keys either keys that have names and sums, or an error that does not repeat what is a secret.
func FuzzParseKeys(f *testing.F) {
	const secret = "sk_0123456789abcdef0123456789abcdef"
	for _, text := range []string{
		"keys:\n- name: a\n  key: " + secret + "\n  scopes: [read]\n", "keys:\n- name: a\n  key: " + secret + "\n  scopes: [&read]\n", "", "keys: []\n", "keys:\n- {}\n",
		"keys:\n- name: 7\n  key: 0x1234\n", "keys:\n- name: a\n  key: " + secret + "\n  rooms:\n", "a: b\n---\nc: d\n", "keys:\n- name: a\n  key: " + secret + "\n  rate: .inf\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseKeys(text)
		if err != nil {
			if set != nil || strings.Contains(err.Error(), secret) {
				t.Fatalf("%q: %d keys, %v", text, len(set), err)
			}
			return
		}
		for _, k := range set {
			if k == nil || k.name == "" {
				t.Fatalf("%q: a key without a name", text)
			}
		}
	})
}

// FuzzParseTime holds parseTime against its bounds and the grammar of Go's durations.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"5s", "500ms", "1h", "0", "-5s", "5", "1e9s", ".5s", "1m30s", "9223372036854775807ns", "9223372036854775808ns", "+1s", "1µs", " 1s"} {
		f.Add(text)
	}
	grammar := regexp.MustCompile(`^[+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseTime(text, "wait", time.Minute)
		if err == nil && (d <= 0 || d > time.Minute || !grammar.MatchString(text)) || err != nil && (d != 0 || err.Status != 400) {
			t.Fatalf("%q: %v, %v", text, d, err)
		}
	})
}

// FuzzCursor wants of cursors only those back that were made for the listing, and of anything else nothing.
func FuzzCursor(f *testing.F) {
	f.Add("0:17", "rooms", "")
	f.Add("", "", "AAAA")
	c := newCursors()
	f.Fuzz(func(t *testing.T, place, listing, other string) {
		made := c.out(place, listing)
		if got, err := c.in(made, listing); err != nil || got != place {
			t.Fatalf("%q came back as %q, %v", place, got, err)
		}
		if other != "" && other != made {
			if got, err := c.in(other, listing); err == nil {
				t.Fatalf("%q is taken for %q", other, got)
			}
		}
		if made != "" {
			if got, err := c.in(made, listing+"x"); err == nil {
				t.Fatalf("a cursor of another listing is taken for %q", got)
			}
		}
	})
}
