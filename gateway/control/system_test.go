package control

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/hub"
)

func TestHealthAndReadiness(t *testing.T) {
	var why error
	var drained time.Duration
	s := newSystem(t, func(c *Config) {
		c.Ready = func() error { return why }
		c.Drain = func(over time.Duration) { drained = over }
	})
	s.ask(t, "", "GET", "/healthz", "").expect(t, 200, `{"status":"ok"}`)
	s.ask(t, "", "GET", "/readyz", "").expect(t, 200, `{"status":"ready"}`)
	why = errors.New("over memory")
	r := s.ask(t, "", "GET", "/readyz", "")
	r.fails(t, http.StatusServiceUnavailable, "not_ready", "")
	if !strings.Contains(r.body, "over memory") || r.header.Get("Retry-After") != "5" {
		t.Errorf("replied %s, Retry-After %s", r.body, r.header.Get("Retry-After"))
	}
	why = nil

	s.ask(t, fullKey, "POST", "/v1/drain?over=90s", "").expect(t, 200, `{"draining":true}`)
	if drained != 90*time.Second {
		t.Errorf("drained over %v", drained)
	}
	s.ask(t, fullKey, "POST", "/v1/drain", "").expect(t, 200, `{"draining":true}`)
	if drained != 30*time.Second {
		t.Errorf("drained over %v by default", drained)
	}
	for _, over := range []string{"0s", "-1s", "2h", "60", "soon"} {
		s.ask(t, fullKey, "POST", "/v1/drain?over="+over, "").fails(t, http.StatusBadRequest, "parameter_invalid", "over")
	}
}

// TestDraining: while the clients are sent away the server is not ready, and still serves those who are left.
func TestDraining(t *testing.T) {
	drains := 0
	s := newSystem(t, func(c *Config) { c.Drain = func(time.Duration) { drains++ } })
	const clients, loops = 8, 2
	var all []*client
	for range clients {
		all = append(all, s.connect(t, `{"join":["acme:x"]}`))
	}
	ended := make(chan error, 1)
	go func() { ended <- s.io.ShutdownOver(t.Context(), hub.TimeMax) }()
	eventually(t, "the drain", s.io.Draining)
	s.ask(t, "", "GET", "/readyz", "").fails(t, http.StatusServiceUnavailable, "not_ready", "")
	s.ask(t, "", "GET", "/healthz", "").expect(t, 200, `{"status":"ok"}`)
	got := decodeReply[delivery](t, s.ask(t, fullKey, "POST", "/v1/emit", `{"event":"a","to":"acme:x"}`))
	if got.Matched < clients-loops { // the first of each loop leaves at once, and the next one in hours
		t.Errorf("%d clients are left", got.Matched)
	}
	heard := 0
	for _, c := range all {
		if f, err := c.conn.ReadFrame(); err == nil && string(f.Payload) == `42["a"]` {
			heard++
		}
	}
	if heard != got.Matched {
		t.Errorf("%d clients have heard of it, and %d were meant", heard, got.Matched)
	}
	s.ask(t, fullKey, "POST", "/v1/drain", "").expect(t, 200, `{"draining":true}`)
	if drains != 1 {
		t.Errorf("a drain that goes on already was hastened %d times", drains)
	}
	for _, c := range all {
		c.conn.Close()
	}
	receive(t, ended)
}

func TestStats(t *testing.T) {
	s := newSystem(t, func(c *Config) {
		c.Version = "1.2.3"
		c.Process = func() any { return map[string]int{"rss": 7} }
	})
	ann := s.connect(t, `{"join":["acme:x"]}`)
	s.ask(t, fullKey, "POST", "/v1/emit", `{"event":"a","to":"acme:x"}`)
	ann.expect(`["a"]`)
	got := decodeReply[struct {
		Version    string
		Draining   bool
		Namespaces []struct {
			Nsp            string
			Sockets, Rooms int
		}
		Total struct {
			Sockets    int
			Deliveries int
			BytesOut   int `json:"bytes_out"`
		}
		Loops   []struct{ Sockets int }
		Closed  map[string]int
		Refused map[string]int
		Process struct{ RSS int }
	}](t, s.ask(t, fullKey, "GET", "/v1/stats", ""))
	if got.Version != "1.2.3" || got.Draining || len(got.Namespaces) != 2 || got.Namespaces[0].Nsp != "/" || got.Namespaces[0].Sockets != 1 ||
		got.Namespaces[0].Rooms != 1 || got.Namespaces[1].Sockets != 0 || got.Total.Sockets != 1 || got.Total.Deliveries != 1 ||
		got.Total.BytesOut == 0 || len(got.Loops) != 2 || got.Loops[0].Sockets+got.Loops[1].Sockets != 1 || got.Process.RSS != 7 {
		t.Errorf("stats are %+v", got)
	}
	if n, there := got.Closed["transport close"]; n != 0 || !there || len(got.Refused) == 0 {
		t.Errorf("stats have closed %v, refused %v", got.Closed, got.Refused)
	}
}

// TestMetricsAndProfiles: what is not open needs its scope, and what is not there is a 404.
func TestMetricsAndProfiles(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "up 1\n")
	})
	all := func(c *Config) { c.Metrics, c.Pprof = metrics, true }
	open := func(c *Config) { c.Metrics, c.MetricsOpen, c.Pprof = metrics, true, true }
	for _, tc := range []struct {
		name   string
		change func(*Config)
		key    string
		path   string
		status int
		want   string // in the body
	}{
		{"no metrics", nil, fullKey, "/metrics", 404, "path_unknown"},
		{"no profiles", nil, fullKey, "/debug/pprof/", 404, "path_unknown"},
		{"metrics without a key", all, "", "/metrics", 401, "key_missing"},
		{"metrics with another scope", all, "only-publish-key-001", "/metrics", 403, "scope_missing"},
		{"metrics with a locked key", all, acmeKey, "/metrics", 403, "key_locked"},
		{"metrics", all, "only-read-key-000001", "/metrics", 200, "up 1\n"},
		{"metrics for everybody", open, "", "/metrics", 200, "up 1\n"},
		{"profiles without a key", all, "", "/debug/pprof/", 401, "key_missing"},
		{"profiles with another scope", all, "only-read-key-000001", "/debug/pprof/heap", 403, "scope_missing"},
		{"profiles with a locked key", all, acmeKey, "/debug/pprof/cmdline", 403, "key_locked"},
		{"profiles", all, "only-manage-key-0001", "/debug/pprof/", 200, "goroutine"},
		{"a profile", all, "only-manage-key-0001", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"the command line, which may have secrets", all, "only-manage-key-0001", "/debug/pprof/cmdline", 404, "Unknown profile"},
		{"profiles where metrics are for everybody", open, "", "/debug/pprof/symbol", 401, "key_missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSystem(t, tc.change)
			r := s.ask(t, tc.key, "GET", tc.path, "")
			if r.status != tc.status || !strings.Contains(r.body, strings.TrimSpace(tc.want)) {
				t.Errorf("replied %d %s", r.status, r.body)
			}
		})
	}
}

// TestRoot: what is outside of the API is the root handler's, and what is inside never is.
func TestRoot(t *testing.T) {
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "page of "+r.URL.Path)
		w.(http.Flusher).Flush()
	})
	s := newSystem(t, func(c *Config) { c.Root = root })
	for _, path := range []string{"/", "/dev/session", "/app.js", "/v1", "/debug/pprof/"} {
		if r := s.ask(t, "", "GET", path, ""); r.status != http.StatusTeapot || r.body != "page of "+path || r.header.Get("Content-Type") != "text/html" {
			t.Errorf("%s replied %d %s %v", path, r.status, r.body, r.header)
		}
	}
	s.ask(t, "", "GET", "/v1/", "").fails(t, 404, "path_unknown", "")
	s.ask(t, "", "GET", "/v1/nothing", "").fails(t, 404, "path_unknown", "")
	s.ask(t, "", "POST", "/healthz", "").fails(t, 405, "method_not_allowed", "")
	s.ask(t, "", "GET", "/healthz", "").expect(t, 200, `{"status":"ok"}`)
}

// TestPanics: a panic is one 500, and a line in the log with its stack.
func TestPanics(t *testing.T) {
	var log logged
	var observed []string
	var mu sync.Mutex
	s := newSystem(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Ready = func() error { panic("ready or not") }
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("in the middle")
		})
		c.MetricsOpen = true
		c.Root = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		c.Observe = func(operation string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if line := operation + " " + http.StatusText(status); !slices.Contains(observed, line) { // clients try again
				observed = append(observed, line)
			}
		}
	})
	s.ask(t, "", "GET", "/readyz", "").fails(t, http.StatusInternalServerError, "internal", "")
	if text := log.String(); !strings.Contains(text, "ready or not") || !strings.Contains(text, "system_test.go") || !strings.Contains(text, "request_id=r") {
		t.Errorf("the log is %s", text)
	}
	if r, err := s.try("", "GET", "/metrics", nil); err == nil {
		t.Errorf("the half of a reply was taken for the whole: %d %s", r.status, r.body)
	}
	if _, err := s.try("", "GET", "/abort", nil); err == nil {
		t.Error("a handler that aborts its connection has a reply")
	}
	s.ask(t, "", "GET", "/healthz", "").expect(t, 200, `{"status":"ok"}`)
	want := "ready Internal Server Error, metrics Internal Server Error, unknown Internal Server Error, health OK"
	eventually(t, want, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(observed, ", ") == want
	})
}

// TestDebugLog: at level debug each request is a line, with the name of its key and without the key.
func TestDebugLog(t *testing.T) {
	var log logged
	s := newSystem(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s.ask(t, fullKey, "GET", "/v1/rooms/a", "")
	s.ask(t, "", "GET", "/healthz", "")
	eventually(t, "the log", func() bool { return strings.Count(log.String(), "\n") == 2 })
	if text := log.String(); !strings.Contains(text, "operation=rooms.get status=200") || !strings.Contains(text, "key=full request_id=r") || strings.Contains(text, fullKey) {
		t.Errorf("the log is %s", text)
	}
}

// TestRequestIDs: what is fit to be echoed is, and otherwise there is a new one.
func TestRequestIDs(t *testing.T) {
	s := newSystem(t, nil)
	for _, id := range []string{"r-1", "with space", strings.Repeat("x", HeaderBytesMax)} {
		if got := s.ask(t, "", "GET", "/healthz", "", "X-Request-Id: "+id).header.Get("X-Request-Id"); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	for _, id := range []string{"", "\té", strings.Repeat("x", HeaderBytesMax+1), "\"\x7f"} {
		w := httptest.NewRecorder()
		req := httptest.NewRequest("GET", "/healthz", nil)
		req.Header["X-Request-Id"] = []string{id}
		s.api.ServeHTTP(w, req)
		if got := w.Header().Get("X-Request-Id"); len(got) != 26 || got == id {
			t.Errorf("%q became %q", id, got)
		}
	}
}

// TestHeadAndHeaders: a HEAD is a GET without its body, and no reply is kept by anybody on its way.
func TestHeadAndHeaders(t *testing.T) {
	s := newSystem(t, nil)
	r := s.ask(t, "", "HEAD", "/healthz", "")
	if r.status != 200 || r.body != "" || r.header.Get("Content-Length") != "16" {
		t.Errorf("HEAD replied %d %q %v", r.status, r.body, r.header)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers are %v", r.header)
	}
	if r := s.ask(t, "", "GET", "/v1/stats", ""); r.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("headers of a 401 are %v", r.header)
	}
	if r := s.ask(t, fullKey, "DELETE", "/v1/emit", ""); r.header.Get("Allow") != "POST" {
		t.Errorf("headers of a 405 are %v", r.header)
	}
}

// TestServerLimits: a head that is too long, or does not end, is the server's to refuse.
func TestServerLimits(t *testing.T) {
	s := newSystem(t, nil)
	server := s.web.Config
	if server.ReadHeaderTimeout != headerTimeMax || server.IdleTimeout != idleTimeMax || server.MaxHeaderBytes != headerBytesMax {
		t.Errorf("the server has %v %v %d", server.ReadHeaderTimeout, server.IdleTimeout, server.MaxHeaderBytes)
	}
	r, err := s.try("", "GET", "/healthz", nil, "X-Long: "+strings.Repeat("x", 2*headerBytesMax))
	if err != nil || r.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long head is %d, %v", r.status, err)
	}
}

// TestConfig: what cannot work is refused.
func TestConfig(t *testing.T) {
	io := hub.New(hub.Options{Logger: quiet})
	keys := keysOf(t, keysText)
	for _, tc := range []struct {
		name string
		cfg  Config
		want error
	}{
		{"no server", Config{Keys: keys}, ErrServer},
		{"no keys", Config{Server: io}, ErrNoKeys},
		{"a negative bound", Config{Server: io, Keys: keys, EventBytesMax: -1}, ErrEventBytesMax},
		{"a bound beyond", Config{Server: io, Keys: keys, EventBytesMax: EventBytesMaxMax + 1}, ErrEventBytesMax},
		{"a namespace twice", Config{Server: io, Keys: keys, Namespaces: []string{"/a", "/a"}}, ErrNamespaces},
		{"a namespace without a slash", Config{Server: io, Keys: keys, Namespaces: []string{"a"}}, ErrNamespaces},
		{"an empty namespace", Config{Server: io, Keys: keys, Namespaces: []string{""}}, ErrNamespaces},
		{"the least that there can be", Config{Server: io, Keys: keys}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := New(tc.cfg); !errors.Is(err, tc.want) {
				t.Errorf("New = %v, want %v", err, tc.want)
			}
		})
	}
}

// TestIDs: ids sort by the order in which they were made, also when the clock stands still.
func TestIDs(t *testing.T) {
	var all ids
	now := time.Unix(1_700_000_000, 0)
	last := all.next(now)
	for range 10_000 {
		id := all.next(now)
		if bytes.Compare(id[:], last[:]) <= 0 {
			t.Fatalf("%v follows %v", id, last)
		}
		last = id
	}
}
