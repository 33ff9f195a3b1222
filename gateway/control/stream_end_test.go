package control

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestStreamHalfClosed: the counts are whole also when the client has closed its sending side behind the last line.
func TestStreamHalfClosed(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	lines := strings.Repeat(`{"event":"a","to":"acme:x"}`+"\n", 3)
	for range 30 {
		c := dialTCP(t, s.web.Listener.Addr().String())
		if _, err := fmt.Fprintf(c, "POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s",
			fullKey, len(lines), lines); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(c)
		if err != nil || strings.Count(plain(string(text)), ok(1)) != 3 {
			t.Fatalf("replied %q, %v", text, err)
		}
		ann.expect(`["a"]`, `["a"]`, `["a"]`)
	}
}

// TestOneSocketHalfClosed: so are the replies about one socket.
func TestOneSocketHalfClosed(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	for _, key := range []string{fullKey, acmeKey} {
		for _, tc := range []struct{ request, want string }{
			{"GET /v1/sockets/" + ann.sid, "HTTP/1.1 200 OK\r\n"},
			{"PUT /v1/rooms/acme:y/sockets/" + ann.sid, "HTTP/1.1 204 No Content\r\n"},
			{"GET /v1/rooms/acme:y/sockets", "HTTP/1.1 200 OK\r\n"},
		} {
			for range 20 {
				c := dialTCP(t, s.web.Listener.Addr().String())
				if _, err := fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", tc.request, key); err != nil {
					t.Fatal(err)
				}
				if err := c.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if text, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(text), tc.want) {
					t.Fatalf("%s replied %q, %v", tc.request, text, err)
				}
			}
		}
	}
}

func dialTCP(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(starlingtest.Patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// TestStreamOfBrokenChunks: behind what is no chunk nobody knows where the next request begins, and the stream has no orderly
// end. What has come before is done.
func TestStreamOfBrokenChunks(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	const line = `{"event":"a","to":"acme:x"}` + "\n"
	const more = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, tc := range []struct {
		name, rest string
		cut        bool // by the client; else by the server, as soon as it has seen the rest
	}{
		{name: "no size", rest: "zz\r\n" + more},
		{name: "a chunk without its end", rest: "1\r\naXX" + more},
		{name: "cut off in a chunk", rest: "5\r\nab", cut: true},
		{name: "cut off between two", cut: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dialTCP(t, s.web.Listener.Addr().String())
			if _, err := fmt.Fprintf(c, "POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%s",
				fullKey, len(line), line, tc.rest); err != nil {
				t.Fatal(err)
			}
			if tc.cut {
				if err := c.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			text, err := io.ReadAll(c) // the error may be a reset: there was something that nobody has read
			got := string(text)
			if strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(plain(got), ok(1)) || strings.HasSuffix(got, "0\r\n\r\n") {
				t.Errorf("replied %q, %v", got, err)
			}
			ann.expect(`["a"]`)
		})
	}
}

// TestStreamThatEndsEarly: behind a stream that ends before its body does there is no further request on the connection.
func TestStreamThatEndsEarly(t *testing.T) {
	s := newSystem(t, func(c *Config) { c.EventBytesMax = 100 })
	c := dialTCP(t, s.web.Listener.Addr().String())
	long := strings.Repeat("x", 200)
	if _, err := fmt.Fprintf(c, "POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\nc8\r\n%s\r\n", fullKey, long); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for text := ""; text != "0\r\n"; {
		var err error
		if text, err = in.ReadString('\n'); err != nil {
			t.Fatalf("before the end: %q, %v", text, err)
		}
	}
	if _, err := io.WriteString(c, "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(in); string(text) != "\r\n" {
		t.Errorf("behind the stream there is %q", text)
	}
}
