// Package playground is the page that `starling serve --dev` shows: two browser clients in two workspaces, the control API
// beside them, and the code of whatever was done. It is made of plain files without a build step, and fetches nothing from
// anywhere but the server that it shows.
package playground

import (
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

//go:embed index.html style.css *.js
var files embed.FS

// types are the content types by the ends of the files' names. The tables of the system are not asked: some call a script
// a text, and then browsers do not run it.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
}

// Session is what the page needs to know: it connects a client for each of the tokens, and calls the control API with the
// key. Both must be worth nothing outside of a developer's machine.
type Session struct {
	URL     string            `json:"url"`     // where clients connect to, "http://localhost:8080"
	Key     string            `json:"key"`     // for the control API, which the page expects at its own origin
	Tokens  map[string]string `json:"tokens"`  // of a user in each workspace, by the workspace's name: "acme" for the room ws:acme
	Version string            `json:"version"` // of the server
}

// Handler serves the page at /, its files beside it, and the session at /dev/session; everything else is 404. It asks
// session for each of them, from any goroutine, so that a page which outlives its server finds the keys of the next one.
//
// It answers only to this machine, whatever address the server listens on, since it hands out a key that may do everything; and only to
// requests for localhost or a loopback address: a name of somebody else's that suddenly resolves to
// this machine (DNS rebinding) would otherwise hand the key to whoever owns the name.
func Handler(session func() Session) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", http.NotFoundHandler())
	mux.HandleFunc("GET /dev/session", func(w http.ResponseWriter, r *http.Request) { serveSession(w, r, session()) })
	entries, _ := files.ReadDir(".") // the root of an embed.FS is always there
	for _, e := range entries {
		mux.Handle(pattern(e.Name()), file(e.Name()))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header(), session().URL)
		if !isLocal(r.RemoteAddr) {
			http.Error(w, "the playground is for the machine that it runs on: open it there, or through a tunnel", http.StatusForbidden)
			return
		}
		if !isLocal(r.Host) {
			http.Error(w, fmt.Sprintf("the playground answers to localhost and loopback addresses only, not to %q: "+
				"open it on the machine itself, or through a tunnel to a port of your own", r.Host), http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// pattern is where a file is served.
func pattern(name string) string {
	if name == "index.html" {
		return "GET /{$}"
	}
	return "GET /" + name
}

func file(name string) http.HandlerFunc {
	content, _ := files.ReadFile(name) // it was listed
	contentType := types[path.Ext(name)]
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(content) // a browser that has gone away is not worth a word
	}
}

// serveSession answers the page alone. Other pages could not read the answer anyway, but they need not even get it.
func serveSession(w http.ResponseWriter, r *http.Request, s Session) {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin": // no browser, the address bar, the page
	default:
		http.Error(w, "the session is for the playground's own page", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s)
}

// protect sets what holds for each answer. The page has a key of the control API in it, so nobody may frame it, nothing
// may be kept, and no script runs but its own and the client's.
func protect(h http.Header, server string) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy(server))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// policy is the Content-Security-Policy with the origin that clients connect to. A source of http does not allow ws (CSP
// Level 3, 6.7.2.8), so that is named too. What is no origin is left out: it could end one directive and begin another.
func policy(server string) string {
	script, connect := "'self'", "'self'"
	if http, ws, ok := origins(server); ok {
		script += " " + http
		connect += " " + http + " " + ws
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src " + script, "style-src 'self'", "img-src data:", "connect-src " + connect,
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	}, "; ")
}

// origins are the two that a client of the server at this URL talks to.
func origins(server string) (http, ws string, ok bool) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"") {
		return "", "", false
	}
	return u.Scheme + "://" + u.Host, strings.Replace(u.Scheme, "http", "ws", 1) + "://" + u.Host, true
}

// isLocal tells whether a Host header (RFC 9110 7.2) can only mean this machine.
func isLocal(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		name = host[1 : len(host)-1]
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}
