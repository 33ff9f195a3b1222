package control

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/oklog/ulid/v2"

	"starling/hub"
)

// Config says what an API works with. The zero value of a field stands for its default, where it has one.
type Config struct {
	// Server is whom clients are connected to. There is no default.
	Server *hub.Server
	// Namespaces are those that requests may name; the first is meant by those that name none. The default is "/" alone.
	Namespaces []string
	// Keys are who may use the API. There is no default: who needs none for a while makes one up.
	Keys *Keys
	// EventBytesMax bounds the body of a request and a line of a stream, in bytes.
	EventBytesMax int

	// Drain begins to disconnect all clients over a time, or hastens that, and returns at once. Without it there is no /v1/drain.
	Drain func(over time.Duration)
	// Ready says why the server should not be sent new clients, and nil if it should. It is asked for each /readyz.
	Ready func() error
	// Metrics serves /metrics, and MetricsOpen opens it to everybody who reaches the listener. nil is 404.
	Metrics     http.Handler
	MetricsOpen bool
	// Root serves what is outside of the API's own paths, without the bodies of requests. nil is 404.
	Root http.Handler
	// Pprof serves net/http/pprof below /debug/pprof/, for keys that may manage.
	Pprof bool
	// Version is that of the server.
	Version string
	// Process returns what /v1/stats says of the process, to be encoded as JSON. nil says nothing.
	Process func() any
	// Observe is told of each request that was answered: its operation, which is the operationId of the OpenAPI document or
	// "unknown", its status, and how long it took. It is called by many goroutines.
	Observe func(operation string, status int, took time.Duration)

	// Logger takes the log; default slog.Default().
	Logger *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// API is the control API as an http.Handler. Any goroutine may use it.
type API struct {
	cfg        Config
	namespaces map[string]*hub.Namespace
	main       *hub.Namespace // the namespace of requests that name none
	mux        *http.ServeMux
	huma       huma.API
	document   []byte // of OpenAPI
	replies    *replies
	cursors    cursors
	ids        ids
	streams    streams
	acks       shares // of those who wait for acknowledgements
	bodies     budget
	started    time.Time
}

// New makes an API. The error wraps an Err value of this package.
func New(cfg Config) (*API, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	a := &API{
		cfg: cfg, namespaces: map[string]*hub.Namespace{}, mux: http.NewServeMux(), replies: newReplies(cfg.Now),
		cursors: newCursors(), started: cfg.Now(),
	}
	for _, name := range cfg.Namespaces {
		a.namespaces[name] = cfg.Server.Of(name)
	}
	a.streams.init()
	a.main = a.namespaces[cfg.Namespaces[0]]
	a.register()
	return a, nil
}

func (c *Config) complete() error {
	switch {
	case c.Server == nil:
		return ErrServer
	case c.Keys == nil:
		return ErrNoKeys
	case c.EventBytesMax < 0 || c.EventBytesMax > EventBytesMaxMax:
		return ErrEventBytesMax
	}
	if c.EventBytesMax == 0 {
		c.EventBytesMax = EventBytesMaxDefault
	}
	if len(c.Namespaces) == 0 {
		c.Namespaces = []string{"/"}
	}
	seen := map[string]bool{}
	for _, name := range c.Namespaces {
		if !strings.HasPrefix(name, "/") || seen[name] {
			return fmt.Errorf("%w, unlike %q", ErrNamespaces, name)
		}
		seen[name] = true
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(string, int, time.Duration) {}
	}
	return nil
}

// call is one request on its way.
type call struct {
	id        string // of the request
	operation string
	key       *key // nil where none is needed
	body      []byte
	query     string // of the URL, raw
	socketID  string // of X-Socket-Id, or ""
	keyed     bool   // it has an Idempotency-Key: whoever asks again gets this reply
	ends      []func()
}

// atEnd has something done when the request is over, its reply included.
func (c *call) atEnd(do func()) { c.ends = append(c.ends, do) }

func (c *call) end() {
	for _, do := range c.ends {
		do()
	}
}

type callKey struct{}

// callOf returns the call that a context belongs to.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil {
		c = &call{}
	}
	return c
}

func requestID(ctx context.Context) string { return callOf(ctx).id }

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := a.cfg.Now()
	c := &call{id: r.Header.Get("X-Request-Id"), operation: "unknown", query: r.URL.RawQuery}
	if !isWord(c.id) {
		c.id = a.ids.make(began)
	}
	w.Header().Set("X-Request-Id", c.id)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	answer := &answer{to: w}
	answer.hurry()
	defer c.end()
	if r.ContentLength != 0 {
		answer.rest, answer.expected = r.Body, r.Header.Get("Expect") != ""
	}
	defer func() {
		whole := a.recovered(c, answer, recover())
		a.observe(r.Context(), c, answer.status, a.cfg.Now().Sub(began))
		if !whole {
			panic(http.ErrAbortHandler) // which ends the connection, so that nobody takes the half for the whole
		}
	}()
	a.serve(answer, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
}

// observe tells those who want to know.
func (a *API) observe(ctx context.Context, c *call, status int, took time.Duration) {
	a.cfg.Observe(c.operation, status, took)
	if !a.cfg.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	name := ""
	if c.key != nil {
		name = c.key.name
	}
	a.cfg.Logger.Debug("a request to the control API", "operation", c.operation, "status", status, "took", took, "key", name, "request_id", c.id)
}

// isWord tells what may be echoed, kept, and logged: some printable ASCII.
func isWord(s string) bool {
	isOdd := func(r rune) bool { return r < ' ' || r > '~' }
	return s != "" && len(s) <= HeaderBytesMax && !strings.ContainsFunc(s, isOdd)
}

// recovered finishes the reply, also for a handler that has panicked: the process lives on. It returns false when the
// reply cannot be finished.
func (a *API) recovered(c *call, w *answer, cause any) (whole bool) {
	if cause == nil {
		w.finish()
		return true
	}
	if cause != http.ErrAbortHandler {
		a.cfg.Logger.Error("the control API has panicked", "panic", cause, "operation", c.operation, "request_id", c.id, "stack", string(debug.Stack()))
	}
	if w.begun || cause == http.ErrAbortHandler {
		if w.status < http.StatusBadRequest {
			w.status = http.StatusInternalServerError
		}
		return false
	}
	w.fail(errInternal, c.id)
	w.through = false
	w.finish()
	return true
}

// serve finds who answers a request. The patterns of the mux are the API's own; everything else it would answer by itself,
// and not in JSON.
func (a *API) serve(w *answer, r *http.Request) {
	handler, _ := a.mux.Handler(r)
	if _, ours := handler.(*route); !ours {
		a.serveOther(w, r, handler)
		return
	}
	a.mux.ServeHTTP(w, r) // which finds it again, with the values of its path
}

// serveOther answers for paths that no operation has.
func (a *API) serveOther(w *answer, r *http.Request, handler http.Handler) {
	id := requestID(r.Context())
	probe := &answer{to: discard{}}
	handler.ServeHTTP(probe, r)
	switch {
	case probe.status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", probe.Header().Get("Allow"))
		w.fail(errMethod, id)
	case a.cfg.Root != nil && !strings.HasPrefix(r.URL.Path, "/v1/"):
		w.readRest()
		w.through = true
		a.cfg.Root.ServeHTTP(w, r)
	default:
		w.fail(errPathUnknown, id)
	}
}

// discard is nobody's ResponseWriter.
type discard http.Header

func (d discard) Header() http.Header       { return http.Header(d) }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// namespace finds the namespace that a request means, by its body or by its query.
func (a *API) namespace(body, query string) (*hub.Namespace, *Error) {
	if body != "" && query != "" && body != query {
		return nil, bad("field_conflict", "nsp", "the body has another namespace than the query")
	}
	if body == "" {
		body = query
	}
	if body == "" {
		return a.main, nil
	}
	if n := a.namespaces[body]; n != nil {
		return n, nil
	}
	return nil, bad("namespace_unknown", "nsp", "there is no namespace %q here", clip(body))
}

// ids makes ids that sort by time.
type ids struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
}

func newEntropy() *ulid.MonotonicEntropy { return ulid.Monotonic(rand.Reader, 0) }

func (i *ids) make(now time.Time) string {
	id := i.next(now)
	return id.String()
}

func (i *ids) next(now time.Time) ulid.ULID {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.entropy == nil {
		i.entropy = newEntropy()
	}
	id, err := ulid.New(ulid.Timestamp(now), i.entropy)
	if err != nil { // so many within one millisecond that the numbers have run out
		i.entropy = newEntropy()
		id = ulid.MustNew(ulid.Timestamp(now), i.entropy)
	}
	return id
}
