package control

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// unfinished has requests whose bodies never come, and what is replied all the same.
var unfinished = []struct{ name, head, want string }{
	{"no key", "POST /v1/emit HTTP/1.1\r\nContent-Length: 100", "401 Unauthorized"},
	{"no key, chunked", "POST /v1/emit HTTP/1.1\r\nTransfer-Encoding: chunked", "401 Unauthorized"},
	{"no key, waiting to go on", "POST /v1/emit HTTP/1.1\r\nContent-Length: 100\r\nExpect: 100-continue", "401 Unauthorized"},
	{"no key, a long one", "POST /v1/emit HTTP/1.1\r\nContent-Length: 9000000", "401 Unauthorized"},
	{"a GET", "GET /healthz HTTP/1.1\r\nContent-Length: 5", "200 OK"},
	{"a handler of others", "GET /metrics HTTP/1.1\r\nContent-Length: 5", "200 OK"},
	{"the root", "GET / HTTP/1.1\r\nContent-Length: 5", "200 OK"},
	{"no path", "POST /v1/nothing HTTP/1.1\r\nContent-Length: 5", "404 Not Found"},
	{"no method", "POST /healthz HTTP/1.1\r\nContent-Length: 5", "405 Method Not Allowed"},
	{"no content type", "POST /v1/emit HTTP/1.1\r\nAuthorization: Bearer " + fullKey + "\r\nContent-Type: text/xml\r\nContent-Length: 5", "415 Unsupported Media Type"},
	{"too long", "POST /v1/emit HTTP/1.1\r\nAuthorization: Bearer " + fullKey + "\r\nContent-Length: 9000000", "413 Request Entity Too Large"},
	{"a DELETE", "DELETE /v1/rooms/x HTTP/1.1\r\nAuthorization: Bearer " + fullKey + "\r\nContent-Length: 5", "200 OK"},
	{"a stream with a bad parameter", "POST /v1/emit?x=1 HTTP/1.1\r\nAuthorization: Bearer " + fullKey + "\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked", "400 Bad Request"},
}

// TestBodyThatNeverComes: who does not send the body that it has announced is answered all the same, and let go.
func TestBodyThatNeverComes(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	s := newSystem(t, func(c *Config) { c.Root, c.Metrics, c.MetricsOpen = page, page, true })
	conns := make([]*starlingtest.Conn, len(unfinished))
	for i, tc := range unfinished {
		conns[i] = starlingtest.Dial(t, s.web.Listener.Addr().String())
		if _, err := io.WriteString(conns[i], tc.head+"\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	for i, tc := range unfinished {
		t.Run(tc.name, func(t *testing.T) {
			text, err := io.ReadAll(conns[i])
			if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 "+tc.want+"\r\n") || !strings.Contains(string(text), "\r\nConnection: close\r\n") {
				t.Errorf("replied %q, %v; want %s, and the end", text, err, tc.want)
			}
		})
	}
}

// TestBodyThatNobodyReads: when it is there the connection goes on, behind it.
func TestBodyThatNobodyReads(t *testing.T) {
	s := newSystem(t, nil)
	c := starlingtest.Dial(t, s.web.Listener.Addr().String())
	for _, tc := range []struct{ request, want string }{
		{"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{\"a\":", "HTTP/1.1 401 Unauthorized\r\n"},
		{"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
		{"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
	} {
		if _, err := io.WriteString(c, tc.request); err != nil {
			t.Fatal(err)
		}
		if err := c.Expect([]byte(tc.want)); err != nil {
			t.Fatal(err)
		}
		skipReply(t, c)
	}
}

// skipReply reads headers and a body with a length.
func skipReply(t *testing.T, c io.Reader) {
	t.Helper()
	var head strings.Builder
	length := 0
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); head.Write(b) {
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("behind %q: %v", head.String(), err)
		}
	}
	_, after, _ := strings.Cut(head.String(), "Content-Length: ")
	if _, err := fmt.Sscan(after, &length); err != nil {
		t.Fatalf("%q: %v", head.String(), err)
	}
	if _, err := io.ReadFull(c, make([]byte, length)); err != nil {
		t.Fatal(err)
	}
}

// late is a body that does not arrive in time.
type late struct{ reads int }

func (l *late) Read([]byte) (int, error) {
	l.reads++
	return 0, os.ErrDeadlineExceeded
}

// deadlines is a client's connection as far as its deadlines go.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write deadline
}

type deadline struct {
	last time.Time
	set  int
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { return d.read.take(t) }
func (d *deadlines) SetWriteDeadline(t time.Time) error { return d.write.take(t) }

func (d *deadline) take(t time.Time) error {
	d.last = t
	d.set++
	return nil
}

// TestReadDeadlines: a body has its time, which ends with it; after that time nobody waits for it any more.
func TestReadDeadlines(t *testing.T) {
	s := newSystem(t, nil)
	ask := func(body io.Reader) (*deadlines, reply) {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		req, err := s.request(fullKey, "POST", "/v1/emit", body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = -1
		s.api.ServeHTTP(w, req)
		return w, reply{w.Code, w.Header(), plain(w.Body.String())}
	}
	w, r := ask(strings.NewReader(`{"event":"a","to":"x"}`))
	r.expect(t, http.StatusOK, delivered(0))
	if w.read.set != 2 || !w.read.last.IsZero() || w.Header().Get("Connection") != "" {
		t.Errorf("a whole body: %d deadlines, the last one %v", w.read.set, w.read.last)
	}
	body := &late{}
	w, r = ask(body)
	r.fails(t, http.StatusRequestTimeout, "body_timeout", "")
	if body.reads != 1 || w.read.last.IsZero() || w.Header().Get("Connection") != "close" {
		t.Errorf("a late body was read %d times, the last deadline is %v", body.reads, w.read.last)
	}
}
