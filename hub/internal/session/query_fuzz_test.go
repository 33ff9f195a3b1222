package session

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// slowQuery is the obvious twin of parseQuery: net/url, where it and the reference server are of one mind. ok is false
// where they are not: in net/url names may be escaped, and a semicolon is an error.
func slowQuery(raw string) (q query, err error, ok bool) {
	if len(raw) > 4<<10 {
		return query{}, errQueryTooLong, true
	}
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(name, "%+") || strings.Contains(pair, ";") {
			return query{}, nil, false
		}
		if name != "" { // without a name a value is nobody's, and is not looked at
			pairs = append(pairs, pair)
		}
	}
	values, err := url.ParseQuery(strings.Join(pairs, "&"))
	last := func(name string) string {
		if all := values[name]; len(all) > 0 {
			return all[len(all)-1]
		}
		return ""
	}
	return query{last("EIO"), last("transport"), last("sid"), last("b64") != ""}, err, true
}

func TestParseQuery(t *testing.T) {
	for _, row := range []struct {
		name, raw string
		want      query
		bad       bool
	}{
		{"nothing", "", query{}, false},
		{"a stock client's", "EIO=4&transport=polling&t=PoaB3&sid=AAECAwQFBgcICQoLDA0A", query{"4", "polling", "AAECAwQFBgcICQoLDA0A", false}, false},
		{"escapes in values", "EIO=%34&transport=web%73ocket&sid=a+b%00", query{"4", "websocket", "a b\x00", false}, false},
		{"the last of two", "EIO=3&EIO=4&b64=1&b64=", query{version: "4"}, false},
		{"the last of two is empty", "sid=a&sid", query{}, false},
		{"b64", "b64=1", query{base64: true}, false},
		{"b64 of 0, which is a string to the reference server", "b64=0", query{base64: true}, false},
		{"other cases are other names", "eio=4&Transport=polling&SID=a", query{}, false},
		{"names are not unescaped", "EI%4f=4", query{}, false},
		{"pairs without a name", "&&=4&=&EIO=4&", query{version: "4"}, false},
		{"a bad escape in a value without a name", "=%zz&EIO=4", query{version: "4"}, false},
		{"more equals signs", "sid==a=b", query{sid: "=a=b"}, false},
		{"names of prototypes", "__proto__=1&constructor=2&EIO=4", query{version: "4"}, false},
		{"a semicolon is no separator", "EIO=4;transport=polling", query{version: "4;transport=polling"}, false},
		{"as long as may be", "x=" + strings.Repeat("a", 4<<10-len("x=&EIO=4")) + "&EIO=4", query{version: "4"}, false},
		{"longer", "x=" + strings.Repeat("a", 4<<10-len("x=&EIO=4")+1) + "&EIO=4", query{}, true},
		{"a bad escape", "sid=%zz", query{}, true},
		{"a cut escape", "sid=%4", query{}, true},
		{"a bad escape in what means nothing", "x=%", query{}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := parseQuery([]byte(row.raw))
			if (err != nil) != row.bad || err == nil && got != row.want {
				t.Errorf("%+v, %v; want %+v, an error: %v", got, err, row.want, row.bad)
			}
		})
	}
}

// FuzzQuery holds parseQuery against net/url.
func FuzzQuery(f *testing.F) {
	for _, raw := range []string{
		"EIO=4&transport=polling&sid=AAECAwQFBgcICQoLDA0A&b64=1", "EIO=3&EIO=4&&=x&sid=%00%zz", "sid=a+b%2B&sid", "b64&b64=0;x", "E%49O=4", "__proto__=1",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := parseQuery([]byte(raw))
		want, wantErr, ok := slowQuery(raw)
		if ok && ((err != nil) != (wantErr != nil) || err == nil && got != want) {
			t.Fatalf("%q: %+v, %v; net/url has %+v, %v", raw, got, err, want, wantErr)
		}
	})
}

// FuzzID wants an id read if it has the one spelling of 15 bytes, and no other.
func FuzzID(f *testing.F) {
	for _, text := range []string{"", "AAECAwQFBgcICQoLDA0A", "AAECAwQFBgcICQoLDA0", "AAECAwQFBgcICQoLDA0A\n", "AAECAwQFBgcICQo\nDA0A", "-_-_-_-_-_-_-_-_-_-_", "AAECAwQF+gcICQoLDA0A"} {
		f.Add(text)
	}
	alphabet := regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := parseID(text)
		if want := alphabet.MatchString(text) && !strings.HasSuffix(text, "\n"); ok != want {
			t.Fatalf("%q is an id: %v, want %v", text, ok, want)
		}
		if ok && base64.RawURLEncoding.EncodeToString(id[:]) != text {
			t.Fatalf("%q is read as %x", text, id)
		}
		if loop, isID := LoopOf(text); isID != ok || ok && loop != int(id[0]^id[len(id)-1]) {
			t.Fatalf("%q is of loop %d, %v", text, loop, isID)
		}
	})
}
