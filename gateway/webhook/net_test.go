package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// These tests speak over real sockets; none of them needs a clock.

// dial makes a client of a URL that is closed at the end of the test.
func dial(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		c.Close(ctx)
	})
	return c
}

// backend serves until the end of the test, with its errors kept from the log.
func backend(t *testing.T, handler http.HandlerFunc, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	start(s)
	t.Cleanup(s.Close)
	return s
}

func allowing(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"allow":true}`) }

// listen has each connection end as meet wants, and returns the URL and how many there were.
func listen(t *testing.T, meet func(*net.TCPConn)) (url string, conns *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = &atomic.Int64{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			meet(conn.(*net.TCPConn))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return "http://" + l.Addr().String(), conns
}

// readHead waits until the request has begun to arrive.
func readHead(conn *net.TCPConn) { _, _ = conn.Read(make([]byte, 4096)) }

func TestConnectionsThatFail(t *testing.T) {
	for _, tc := range []struct {
		name string
		meet func(*net.TCPConn)
	}{
		{"closed at once", func(*net.TCPConn) {}},
		{"closed behind the request", readHead},
		{"reset", func(conn *net.TCPConn) { readHead(conn); _ = conn.SetLinger(0) }},
		{"closed within the head of the reply", func(conn *net.TCPConn) {
			readHead(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-")
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}},
		{"closed within the body of the reply", func(conn *net.TCPConn) {
			readHead(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"allow\":")
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}},
		{"junk", func(conn *net.TCPConn) {
			readHead(conn)
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.9\r\n\r\n")
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}},
		{"a head that is too long", func(conn *net.TCPConn) {
			readHead(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*replyHeadBytesMax)+"\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}},
	} {
		for kind, call := range calls {
			t.Run(tc.name+" for "+kind, func(t *testing.T) {
				url, conns := listen(t, tc.meet)
				c := dial(t, Config{URL: url})
				if err := call(context.Background(), c); !errors.Is(err, ErrConnection) {
					t.Errorf("%v", err)
				}
				if n, want := conns.Load(), map[string]int64{KindConnect: 2, KindJoin: 2, KindEvent: 1}[kind]; n != want {
					t.Errorf("%d connections, want %d", n, want)
				}
			})
		}
	}
}

func TestNobodyListens(t *testing.T) {
	s := backend(t, allowing, (*httptest.Server).Start)
	s.Close()
	c := dial(t, Config{URL: s.URL, FailuresMax: 3})
	for range 3 {
		if err := calls[KindEvent](context.Background(), c); !errors.Is(err, ErrConnection) {
			t.Errorf("%v", err)
		}
	}
	if err := calls[KindEvent](context.Background(), c); err != ErrUnavailable {
		t.Errorf("then: %v", err)
	}
	if err := calls[KindConnect](context.Background(), c); !errors.Is(err, ErrConnection) {
		t.Errorf("of another lane: %v", err)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var conns atomic.Int64
	gone := make(chan struct{}, 100)
	s := backend(t, allowing, func(s *httptest.Server) {
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				conns.Add(1)
			case http.StateClosed:
				gone <- struct{}{}
			}
		}
		s.Start()
	})
	c := dial(t, Config{URL: s.URL})
	c.post.http.Transport.(*http.Transport).IdleConnTimeout = 0 // or that would close it in the end
	for range 100 {
		if err := calls[KindJoin](context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 100 calls, one after the other", n)
	}
	c.Close(context.Background())
	select {
	case <-gone:
	case <-time.After(patience):
		t.Error("the connection is kept behind Close")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var asked atomic.Int64
	elsewhere := backend(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); allowing(w, r) }, (*httptest.Server).Start)
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}, (*httptest.Server).Start)
	for name, client := range map[string]*http.Client{"our client": nil, "another client": s.Client()} {
		c := dial(t, Config{URL: s.URL, Client: client})
		var status *StatusError
		if err := calls[KindJoin](context.Background(), c); !errors.As(err, &status) || status.Status != 307 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestTLS(t *testing.T) {
	s := backend(t, allowing, (*httptest.Server).StartTLS)
	old := backend(t, allowing, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		s.StartTLS()
	})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := func(c *Client) *Client {
		c.post.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
		return c
	}
	if err := calls[KindJoin](context.Background(), trusting(dial(t, Config{URL: s.URL}))); err != nil {
		t.Errorf("with a certificate that is trusted: %v", err)
	}
	if err := calls[KindJoin](context.Background(), dial(t, Config{URL: s.URL})); !errors.Is(err, ErrConnection) {
		t.Errorf("with one that is not: %v", err)
	}
	err := calls[KindJoin](context.Background(), trusting(dial(t, Config{URL: old.URL})))
	if !errors.Is(err, ErrConnection) || !strings.Contains(err.Error(), "version") {
		t.Errorf("with TLS 1.1: %v", err)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	c := dial(t, Config{URL: "http://backend.test"})
	if c.post.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("there is one")
	}
}

// TestThePasswordOfTheURLIsKept is about what it is for, and about everything that somebody could read it in.
func TestThePasswordOfTheURLIsKept(t *testing.T) {
	var user, password string
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		w.WriteHeader(500)
	}, (*httptest.Server).Start)
	log := &syncBuffer{}
	url := strings.Replace(s.URL, "http://", "http://ann:pa55w0rd@", 1) + "/hook-k3y?token=t0ken"
	c := dial(t, Config{URL: url, FailuresMax: 1, RetriesMax: NoRetries, Logger: slog.New(slog.NewTextHandler(log, nil))})
	texts := []string{calls[KindEvent](context.Background(), c).Error()}
	if user != "ann" || password != "pa55w0rd" {
		t.Errorf("the backend got %q and %q", user, password)
	}
	s.Close()
	for range 2 {
		texts = append(texts, calls[KindConnect](context.Background(), c).Error())
	}
	c.Notify(Notification{Type: TypeConnected})
	c.Close(context.Background())
	for _, text := range append(texts, log.String()) {
		for _, secret := range []string{"pa55w0rd", "t0ken", "k3y"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", secret, text)
			}
		}
	}
	if !strings.Contains(log.String(), "webhook="+s.URL) {
		t.Errorf("the log does not say whom it is about: %s", log)
	}
}

// TestManyAtOnce has everything go on at the same time, for the race detector, and the accounts right at the end.
func TestManyAtOnce(t *testing.T) {
	var taken atomic.Int64
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		taken.Add(int64(strings.Count(string(body), `"type":"connected"`)))
		allowing(w, r)
	}, (*httptest.Server).Start)
	c := dial(t, Config{URL: s.URL, BatchMax: 50, RateMax: 1e6, InFlightMax: 8, QueueMax: 300, Secrets: [][]byte{firstSecret}})
	const goroutines, each = 8, 200
	var queued atomic.Int64
	ended := make(chan struct{})
	for range goroutines {
		go func() {
			for i := range each {
				if c.Notify(Notification{Type: TypeConnected, SID: "a1"}) {
					queued.Add(1)
				}
				if i%10 == 0 {
					if err := calls[KindJoin](context.Background(), c); err != nil {
						t.Errorf("join: %v", err)
					}
					if s := c.Stats(); s.Notified != s.Sent+s.Dropped.Total()+int64(s.Waiting) {
						t.Errorf("%+v", s)
					}
				}
			}
			ended <- struct{}{}
		}()
	}
	for range goroutines {
		<-ended
	}
	if dropped := c.Close(context.Background()); dropped != 0 {
		t.Errorf("Close dropped %d", dropped)
	}
	st := c.Stats()
	if st.Notified != goroutines*each || st.Sent != queued.Load() || st.Sent != taken.Load() || st.Sent+st.Dropped.Full != st.Notified {
		t.Errorf("%d queued, %d taken, and %+v", queued.Load(), taken.Load(), st)
	}
}
