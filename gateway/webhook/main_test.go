package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the waits of these tests. It says that something has failed; nothing waits for it to pass.
const patience = 30 * time.Second

var (
	firstSecret  = []byte("a first secret of forty-one bytes, to be used")
	secondSecret = []byte("another secret that is long enough, really")
)

// request is what the backend got.
type request struct {
	at     time.Duration // since the play began
	method string
	header http.Header
	body   string
}

// events are the notifications of a batch.
func (r request) events(t *testing.T) []notificationMessage {
	t.Helper()
	var b struct{ Events []notificationMessage }
	if err := json.Unmarshal([]byte(r.body), &b); err != nil {
		t.Fatalf("batch %s: %v", r.body, err)
	}
	return b.Events
}

// play is a client and its backend on a network of pipes, under a clock that moves when everybody waits. So a play of
// minutes takes no time, and comes out the same each time.
type play struct {
	t      *testing.T
	client *Client
	began  time.Time
	log    *syncBuffer

	mu     sync.Mutex
	got    []request
	dials  []time.Duration
	answer func(http.ResponseWriter, *http.Request)
	down   bool // nobody listens
	conns  chan net.Conn
	closed chan struct{}
}

// perform plays with a client of a configuration, and a backend that answers 204 until it is told otherwise. At the end
// the client is closed, if it is not yet, and the accounts of its notifications have to be right.
func perform(t *testing.T, cfg Config, act func(p *play)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &play{t: t, began: time.Now(), log: &syncBuffer{}, conns: make(chan net.Conn), closed: make(chan struct{})}
		p.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
		cfg.URL = "http://backend.test/hook"
		cfg.Logger = slog.New(slog.NewTextHandler(p.log, nil))
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		p.client = c
		c.post.http.Transport.(*http.Transport).DialContext = p.dial
		server := &http.Server{Handler: http.HandlerFunc(p.serve), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		go func() { _ = server.Serve(p) }()
		act(p)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c.Close(ctx)
		p.balance()
		if w := c.Stats().Waiting; w != 0 {
			t.Errorf("%d notifications wait after Close", w)
		}
		_ = server.Close()
	})
}

// dial connects the client with the backend.
func (p *play) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.mu.Lock()
	down := p.down
	p.dials = append(p.dials, time.Since(p.began))
	p.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr make the play the listener of its backend.
func (p *play) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *play) Close() error   { close(p.closed); return nil }
func (p *play) Addr() net.Addr { return &net.TCPAddr{} }

func (p *play) serve(w http.ResponseWriter, r *http.Request) {
	at := time.Since(p.began)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.got = append(p.got, request{at, r.Method, r.Header, string(body)})
	answer := p.answer
	p.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer(w, r)
}

// answers says what the backend does from now on.
func (p *play) answers(answer func(http.ResponseWriter, *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// replies is answers for a reply that is always the same.
func (p *play) replies(status int, body string) {
	p.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// stall has the backend never answer.
func (p *play) stall() { p.answers(stalled) }

func stalled(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// away has nobody listen, or somebody again.
func (p *play) away(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	p.client.post.http.CloseIdleConnections()
}

// wait lets time pass, and whatever is due in it happen.
func (p *play) wait(d time.Duration) {
	time.Sleep(d) // of the play, not of the day
	synctest.Wait()
}

// notify notifies of as many connections, with these ids.
func (p *play) notify(sids ...string) {
	for _, sid := range sids {
		p.client.Notify(Notification{Type: TypeConnected, SID: sid, Namespace: "/"})
	}
}

// requests are those that the backend got since the last time.
func (p *play) requests() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

// batches are the ids of sockets in each batch that the backend got since the last time.
func (p *play) batches() (all [][]string) {
	p.t.Helper()
	for _, r := range p.requests() {
		var sids []string
		for _, e := range r.events(p.t) {
			sids = append(sids, e.SID)
		}
		all = append(all, sids)
	}
	return all
}

// balance checks that each notification is accounted for, and returns the counters.
func (p *play) balance() Stats {
	p.t.Helper()
	s := p.client.Stats()
	if s.Notified != s.Sent+s.Dropped.Total()+int64(s.Waiting) {
		p.t.Errorf("%d notified, but %d sent, %+v dropped and %d waiting", s.Notified, s.Sent, s.Dropped, s.Waiting)
	}
	if (s.Waiting == 0) != (s.WaitingBytes == 0) {
		p.t.Errorf("%d notifications of %d bytes wait", s.Waiting, s.WaitingBytes)
	}
	return s
}

// calls is how many calls of a kind had an outcome.
func (p *play) calls(kind, outcome string) int64 { return countOf(p.client, kind, outcome) }

func countOf(c *Client, kind, outcome string) int64 {
	for _, n := range c.Stats().Calls {
		if n.Kind == kind && n.Outcome == outcome {
			return n.Count
		}
	}
	return -1
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var ulids = regexp.MustCompile(`"[0-7][0-9A-HJKMNP-TV-Z]{25}"`)

// masked replaces the ids of messages, which are never the same.
func masked(body string) string { return ulids.ReplaceAllString(body, `"<ulid>"`) }
