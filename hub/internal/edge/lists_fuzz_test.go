package edge

import (
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzNewOrigins wants of an entry of the list that it is taken only if net/url reads an origin in it, that it allows the
// page it names and what its wildcard stands for, and that nothing of other hosts comes with it.
func FuzzNewOrigins(f *testing.F) {
	for _, entry := range []string{
		"https://example.com", "https://*.example.com:8443", "HTTP://[::1]:80", "http://127.0.0.1", "https://*", "*",
		"https://*.127.0.0.1", "app+x://a_b.", "https://a.*.b", "https://example.com:0443", "null", "http://[::ffff:127.0.0.1]",
	} {
		f.Add(entry)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		o, err := NewOrigins([]string{entry}, false)
		if err != nil {
			named := errors.Is(err, ErrOrigin) || errors.Is(err, ErrOriginStar) || errors.Is(err, ErrOriginWildcard)
			if o != nil || !named || entry == "*" {
				t.Fatalf("%q: %v, %v", entry, o, err)
			}
			return
		}
		if entry == "*" {
			return
		}
		plain := strings.Replace(entry, "://*.", "://", 1)
		u, err := url.Parse(plain)
		if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" || u.ForceQuery {
			t.Fatalf("%q is allowed, and net/url reads %+v, %v", entry, u, err)
		}
		wildcard := plain != entry
		page := slowOrigin(u)
		below := strings.Replace(page, "://", "://a.b-c.", 1)
		if got := o.Allowed("elsewhere.invalid", page); got == wildcard {
			t.Fatalf("%q allows %q: %v", entry, page, got)
		}
		if got := o.Allowed("elsewhere.invalid", below); got != wildcard && !isAddress(u.Host) {
			t.Fatalf("%q allows %q: %v", entry, below, got)
		}
		for _, other := range []string{
			"null", page + ".evil.invalid", page + "/", page + "0:1", strings.Replace(page, "://", "://evil", 1),
			"x" + page, "https://evil.invalid/" + below, "https://evil.invalid#" + below,
		} {
			if o.Allowed("elsewhere.invalid", other) {
				t.Fatalf("%q allows %q", entry, other)
			}
		}
	})
}

// slowOrigin is the origin of a URL as browsers write it.
func slowOrigin(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if addr, ok := strings.CutPrefix(u.Host, "["); ok {
		host = "[" + mustAddr(strings.ToLower(addr[:strings.IndexByte(addr, ']')])) + "]"
	}
	if port == "" || port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		return u.Scheme + "://" + host
	}
	return u.Scheme + "://" + host + ":" + port
}

// acceptedCoding is one element of Accept-Encoding (RFC 9110 12.5.3): the coding, and its weight if it has one.
var acceptedCoding = regexp.MustCompile(`(?i)^[\t ]*([a-z-]+|\*)[\t ]*(?:;[\t ]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[\t ]*$`)

// slowAcceptsGzip is the obvious twin of AcceptsGzip. ok is false for lines beside the grammar, of which the header is
// read as whoever sent it may have meant it.
func slowAcceptsGzip(lines []string) (accepts, ok bool) {
	weights := map[string]float64{}
	for element := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		m := acceptedCoding.FindStringSubmatch(element)
		if m == nil {
			return false, false
		}
		name, weight := strings.ToLower(m[1]), 1.0
		if m[2] != "" {
			weight, _ = strconv.ParseFloat(m[2], 64)
		}
		if _, twice := weights[name]; twice {
			return false, false
		}
		weights[name] = weight
	}
	_, plain := weights["gzip"]
	_, old := weights["x-gzip"]
	if plain && old {
		return false, false
	}
	for _, name := range []string{"gzip", "x-gzip", "*"} {
		if weight, there := weights[name]; there {
			return weight > 0, true
		}
	}
	return false, true
}

// FuzzAcceptsGzip holds AcceptsGzip against the grammar, however its elements are dealt out to lines.
func FuzzAcceptsGzip(f *testing.F) {
	for _, line := range []string{"gzip, deflate, br", "*;q=0, gzip;q=0.001", "identity;q=1, *", "x-gzip ; q=0.", "gzip;q=NaN", ",gzip,"} {
		f.Add(line, uint8(1))
	}
	f.Fuzz(func(t *testing.T, line string, at uint8) {
		got := AcceptsGzip([]string{line})
		if want, ok := slowAcceptsGzip([]string{line}); ok && got != want {
			t.Fatalf("%q: %v, want %v", line, got, want)
		}
		elements := strings.Split(line, ",")
		i := min(int(at), len(elements))
		lines := slices.DeleteFunc([]string{strings.Join(elements[:i], ","), strings.Join(elements[i:], ",")}, func(s string) bool { return s == "" })
		if AcceptsGzip(lines) != got {
			t.Fatalf("%q: %v, and as one line %v", lines, !got, got)
		}
	})
}

// slowCookie reads a Set-Cookie header as browsers do (RFC 6265 5.2): the name, the value, and the attributes.
func slowCookie(header string) (name, value string, attributes map[string]string) {
	attributes = map[string]string{}
	for i, part := range strings.Split(header, ";") {
		key, text, _ := strings.Cut(part, "=")
		if i == 0 {
			name, value = strings.TrimSpace(key), strings.TrimSpace(text)
		} else {
			attributes[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(text)
		}
	}
	return name, value, attributes
}

// attributesOf are those that a template asks for.
func attributesOf(c *http.Cookie) map[string]string {
	all := map[string]string{}
	for name, value := range map[string]string{
		"path": strings.TrimSpace(c.Path), "domain": strings.TrimPrefix(c.Domain, "."),
		"samesite": map[http.SameSite]string{http.SameSiteLaxMode: "Lax", http.SameSiteStrictMode: "Strict", http.SameSiteNoneMode: "None"}[c.SameSite],
	} {
		if value != "" || name == "path" && c.Path != "" {
			all[name] = value
		}
	}
	if c.MaxAge != 0 {
		all["max-age"] = strconv.Itoa(max(c.MaxAge, 0))
	}
	for name, is := range map[string]bool{"secure": c.Secure, "httponly": c.HttpOnly, "partitioned": c.Partitioned} {
		if is {
			all[name] = ""
		}
	}
	return all
}

// FuzzCookie wants of a template that CheckCookie passes a header in which browsers read what it asks for, with the id for
// the value, and no more: no part of a template can become another attribute.
func FuzzCookie(f *testing.F) {
	f.Add("io", "/", "", 0, uint8(0))
	f.Add("__Host-io", "/", "", 60, uint8(1))
	f.Add("__Secure-io", "/chat; Secure", "example.com\r\n", -1, uint8(0xff))
	f.Add("a=b", "/\"", ".example.com", 1, uint8(9))
	f.Fuzz(func(t *testing.T, name, path, domain string, age int, flags uint8) {
		c := http.Cookie{
			Name: name, Path: path, Domain: domain, MaxAge: age, Secure: flags&1 != 0, HttpOnly: flags&2 != 0,
			Partitioned: flags&4 != 0, SameSite: http.SameSite(flags >> 3 % 5),
		}
		if CheckCookie(&c) != nil {
			return
		}
		const sid = "J1HYcRg53tNZiD67AA-_"
		header := CookieHeader(&c, sid)
		gotName, value, attributes := slowCookie(header)
		if gotName != name || value != sid || !maps.Equal(attributes, attributesOf(&c)) || !isText([]string{header}) {
			t.Fatalf("%+v is %q: %q = %q with %q", c, header, gotName, value, attributes)
		}
		if _, err := http.ParseSetCookie(header); err != nil {
			t.Fatalf("%+v is %q, and net/http says %v", c, header, err)
		}
		if c.Value != "" {
			t.Fatalf("the template has the value %q", c.Value)
		}
	})
}

// mustAddr writes an IPv6 address in its one spelling.
func mustAddr(text string) string { return netip.MustParseAddr(text).String() }
