package playground

import (
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

var acme = Session{
	URL: "http://localhost:8080", Key: "dev_1f", Version: "1.2.3",
	Tokens: map[string]string{"acme": "a.b.c", "globex": "d.e.f"},
}

// get asks a playground for something, with the Host given and further headers as pairs.
func get(s Session, method, target, host string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = "127.0.0.1:40000"
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Handler(func() Session { return s }).ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandlerServesThePageAndNothingElse(t *testing.T) {
	for _, tc := range []struct {
		name, method, target string
		status               int
		contentType, has     string // "" for anything
	}{
		{"the page", "GET", "/", 200, "text/html; charset=utf-8", "<title>Starling playground</title>"},
		{"the head of the page", "HEAD", "/", 200, "text/html; charset=utf-8", ""},
		{"the page with a query", "GET", "/?x=1", 200, "text/html; charset=utf-8", "<!doctype html>"},
		{"the style", "GET", "/style.css", 200, "text/css; charset=utf-8", "prefers-color-scheme: dark"},
		{"the script", "GET", "/app.js", 200, "text/javascript; charset=utf-8", "import {"},
		{"what the script imports", "GET", "/pane.js", 200, "text/javascript; charset=utf-8", "export class Pane"},
		{"the session", "GET", "/dev/session", 200, "application/json", `"key":"dev_1f"`},
		{"the page by its file's name", "GET", "/index.html", 404, "", ""},
		{"the source", "GET", "/playground.go", 404, "", ""},
		{"what there is not", "GET", "/favicon.ico", 404, "", ""},
		{"a path out of it", "GET", "/x/../../etc/passwd", 307, "", ""}, // to the clean path, which is 404
		{"a folder", "GET", "/dev/", 404, "", ""},
		{"a POST of the page", "POST", "/", 404, "", ""},
		{"a POST of the session", "POST", "/dev/session", 404, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := get(acme, tc.method, tc.target, "localhost:9090")
			if r.StatusCode != tc.status {
				t.Errorf("status %d, want %d", r.StatusCode, tc.status)
			}
			if got := r.Header.Get("Content-Type"); tc.contentType != "" && got != tc.contentType {
				t.Errorf("content type %q, want %q", got, tc.contentType)
			}
			if got := body(t, r); !strings.Contains(got, tc.has) {
				t.Errorf("the body has no %q", tc.has)
			}
		})
	}
}

func TestHandlerServesTheSessionOfNow(t *testing.T) {
	current := acme
	h := Handler(func() Session { return current })
	for _, key := range []string{"dev_1f", "dev_2e"} {
		current.Key = key
		r := httptest.NewRequest("GET", "http://localhost:9090/dev/session", nil)
		r.RemoteAddr = "127.0.0.1:40000"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		tokens, _ := got["tokens"].(map[string]any)
		if got["url"] != "http://localhost:8080" || got["key"] != key || got["version"] != "1.2.3" || tokens["globex"] != "d.e.f" {
			t.Errorf("got %v", got)
		}
	}
}

// Whoever makes his own name resolve to this machine must get nothing, least of all the key.
func TestHandlerAnswersToThisMachinesNamesOnly(t *testing.T) {
	for host, local := range map[string]bool{
		"localhost": true, "localhost:9090": true, "LocalHost:9090": true,
		"127.0.0.1": true, "127.0.0.1:9090": true, "127.8.9.1:1": true,
		"[::1]": true, "[::1]:9090": true, "[::ffff:127.0.0.1]:9090": true,
		"": false, ":9090": false, "evil.example": false, "evil.example:9090": false,
		"localhost.evil.example": false, "evil.localhost": false, "127.0.0.1.evil.example": false, "127.0.0.1@evil.example": false,
		"10.0.0.1:9090": false, "0.0.0.0:9090": false, "[::]:9090": false, "[2001:db8::1]:9090": false, "2130706433": false,
		"localhost:9090:9090": false, "[localhost": false, "127.1": false,
	} {
		t.Run(host, func(t *testing.T) {
			for _, target := range []string{"/", "/dev/session", "/app.js", "/nothing"} {
				r := get(acme, "GET", target, host)
				if refused := r.StatusCode == http.StatusForbidden; refused == local {
					t.Errorf("%s: status %d", target, r.StatusCode)
				}
				if got := body(t, r); !local && strings.Contains(got, acme.Key) {
					t.Errorf("%s: the key is in %q", target, got)
				}
			}
		})
	}
}

func TestSessionIsForThePageAlone(t *testing.T) {
	for site, status := range map[string]int{
		"": 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403, "novel": 403,
	} {
		r := get(acme, "GET", "/dev/session", "localhost:9090", "Sec-Fetch-Site", site)
		if got := body(t, r); r.StatusCode != status || strings.Contains(got, acme.Key) != (status == 200) {
			t.Errorf("Sec-Fetch-Site %q: status %d, want %d; %s", site, r.StatusCode, status, got)
		}
	}
	if r := get(acme, "GET", "/", "localhost:9090", "Sec-Fetch-Site", "cross-site"); r.StatusCode != 200 {
		t.Errorf("a link to the page from elsewhere: status %d", r.StatusCode)
	}
}

func TestHeadersOfEachAnswer(t *testing.T) {
	want := map[string]string{
		"Cache-Control":                "no-store",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Access-Control-Allow-Origin":  "",
		"Content-Security-Policy": "default-src 'none'; script-src 'self' http://localhost:8080; style-src 'self'; img-src data:; " +
			"connect-src 'self' http://localhost:8080 ws://localhost:8080; base-uri 'none'; form-action 'none'; " +
			"frame-ancestors 'none'; require-trusted-types-for 'script'",
	}
	for _, target := range []string{"/", "/style.css", "/app.js", "/dev/session", "/nothing"} {
		for _, host := range []string{"localhost:9090", "evil.example"} {
			r := get(acme, "GET", target, host, "Origin", "http://evil.example")
			got := maps.Clone(want)
			for name := range want {
				got[name] = r.Header.Get(name)
			}
			if !maps.Equal(got, want) {
				t.Errorf("%s of %s: headers %q", target, host, got)
			}
		}
	}
}

func TestPolicyAllowsTheClientsOriginAndNothingElse(t *testing.T) {
	for _, tc := range []struct{ name, url, script, connect string }{
		{"an address", "http://127.0.0.1:8080", "'self' http://127.0.0.1:8080", "'self' http://127.0.0.1:8080 ws://127.0.0.1:8080"},
		{"IPv6", "http://[::1]:8080", "'self' http://[::1]:8080", "'self' http://[::1]:8080 ws://[::1]:8080"},
		{"TLS", "https://dev.example", "'self' https://dev.example", "'self' https://dev.example wss://dev.example"},
		{"more than an origin", "http://localhost:8080/socket.io/?a=b", "'self' http://localhost:8080", "'self' http://localhost:8080 ws://localhost:8080"},
		{"none", "", "'self'", "'self'"},
		{"a script", "javascript:alert(1)", "'self'", "'self'"},
		{"no address", "http:///x", "'self'", "'self'"},
		{"another directive", "http://a;script-src *", "'self'", "'self'"},
		{"another source", "http://a,*", "'self'", "'self'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			policy := get(Session{URL: tc.url}, "GET", "/", "localhost").Header.Get("Content-Security-Policy")
			for _, directive := range []string{"script-src " + tc.script, "connect-src " + tc.connect} {
				if !strings.Contains(policy, "; "+directive+"; ") {
					t.Errorf("no %q in %q", directive, policy)
				}
			}
		})
	}
}

// The page must be whole by itself, and obey its own policy: it names no other place, and has no script or style within.
func TestPageObeysItsPolicy(t *testing.T) {
	foreign := regexp.MustCompile(`(?i)(src|href|url)\s*[=(]\s*["']?(https?:)?//|@import`)
	inline := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<style|<script(>|\s[^>]*>[^<]|\s+type="module">)|innerHTML|outerHTML|insertAdjacentHTML|document\.write`)
	entries, err := files.ReadDir(".")
	if err != nil || len(entries) < 3 {
		t.Fatalf("%d files are embedded: %v", len(entries), err)
	}
	for _, e := range entries {
		content, err := files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range []*regexp.Regexp{foreign, inline} {
			if at := rule.FindString(string(content)); at != "" {
				t.Errorf("%s has %q", e.Name(), at)
			}
		}
		if _, _, err := mime.ParseMediaType(types[path.Ext(e.Name())]); err != nil {
			t.Errorf("%s has no content type: %v", e.Name(), err)
		}
	}
}

// What the page and its modules fetch from beside them is there.
func TestPageFindsItsFiles(t *testing.T) {
	link := regexp.MustCompile(`(?:src="|href="|from "\./)([a-z]+\.(?:js|css))"`)
	found := 0
	for _, target := range []string{"/", "/app.js", "/pane.js", "/api.js", "/code.js"} {
		for _, m := range link.FindAllStringSubmatch(body(t, get(acme, "GET", target, "localhost")), -1) {
			found++
			if r := get(acme, "GET", "/"+m[1], "localhost"); r.StatusCode != 200 {
				t.Errorf("%s wants %s: status %d", target, m[1], r.StatusCode)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d links found", found)
	}
}

// TestOtherMachines get nothing, whatever name they ask for.
func TestOtherMachines(t *testing.T) {
	for _, remote := range []string{"192.0.2.7:40000", "[2001:db8::1]:40000", ""} {
		r := httptest.NewRequest("GET", "http://localhost:9090/dev/session", nil)
		r.RemoteAddr = remote
		w := httptest.NewRecorder()
		Handler(func() Session { return Session{Key: "secret"} }).ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%q gets %d %s", remote, w.Code, w.Body)
		}
	}
}
