package edge

import (
	"net/url"
	"strings"
	"testing"
)

// slowSameOrigin is sameOrigin by net/url, for origins that sameOrigin accepts.
func slowSameOrigin(host, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	h, err := url.Parse(u.Scheme + "://" + host)
	if err != nil {
		return false
	}
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.EqualFold(u.Hostname(), h.Hostname()) && port(u) == port(h) &&
		u.User == nil && h.User == nil && u.Path+u.RawQuery+u.Fragment+h.Path+h.RawQuery+h.Fragment == ""
}

// slowListed holds an origin against https://example.com and https://*.wild.example:8443.
func slowListed(origin string) bool {
	u, err := url.Parse(strings.ToLower(origin))
	return err == nil && u.Scheme == "https" && u.User == nil && u.Path+u.RawQuery+u.Fragment == "" &&
		(u.Host == "example.com" || u.Port() == "8443" && len(u.Hostname()) > len(".wild.example") && strings.HasSuffix(u.Hostname(), ".wild.example"))
}

func FuzzOrigins(f *testing.F) {
	for _, seed := range [][4]string{
		{"example.com", "https://example.com", "GET", "x-a"},
		{"[::1]:80", "http://[::1]", "POST", "x-a, x-b"},
		{"chat.example", "https://a.wild.example:8443", "GET", "x\r\ny"},
		{"chat.example:443", "https://chat.example", "\n", ""},
		{"", "null", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	strict := mustOrigins(f, false)
	listed := mustOrigins(f, true, "https://example.com", "https://*.wild.example:8443")
	star := mustOrigins(f, false, "*")
	f.Fuzz(func(t *testing.T, host, origin, method, names string) {
		same := origin == "" || sameOrigin(host, origin)
		if strict.Allowed(host, origin) != same || (origin != "" && same && !slowSameOrigin(host, origin)) {
			t.Fatalf("%q is the same origin as %q: %v", origin, host, same)
		}
		if listed.Allowed(host, origin) && !same && !slowListed(origin) {
			t.Fatalf("%q is allowed", origin)
		}
		if star.Allowed(host, origin) != ValidOrigin(origin) {
			t.Fatalf("%q is allowed to nobody, or too valid for everyone", origin)
		}
		for _, o := range []*Origins{strict, listed, star} {
			r := request("OPTIONS", "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", names)
			r.Host = host
			h := o.Header(r)
			if h != nil && !o.Allowed(host, origin) {
				t.Fatalf("headers for %q, which is not allowed: %q", origin, h)
			}
			for name, values := range h {
				if !isText(values) || strings.ContainsAny(name, "\r\n") {
					t.Fatalf("harmful header %q: %q", name, values)
				}
			}
		}
	})
}
