package hub

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// busyHere wants a request to be answered with 503 and Retry-After.
func busyHere(t *testing.T, s *Server, request string) {
	t.Helper()
	if a := openWire(t, s).ask(request); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
		t.Errorf("the answer is %v", a)
	}
}

// TestEmbedOutOfSeason: before Serve, at the end of a shutdown, and afterwards clients are to come later.
func TestEmbedOutOfSeason(t *testing.T) {
	s := New(Options{Logger: quiet, Loops: 2})
	web := httptest.NewServer(s)
	defer web.Close()
	addr := web.Listener.Addr()
	s.addr.Store(&addr)
	ask := func() answer {
		t.Helper()
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		w := &wire{t: t, conn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
		return w.ask(getRequest(pollTarget))
	}
	busy := func(when string) {
		t.Helper()
		if a := ask(); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
			t.Errorf("%s: %v", when, a)
		}
	}
	busy("before Serve")
	served := make(chan error, 1)
	release, entered := make(chan struct{}), make(chan struct{})
	s.OnDisconnect(func(*Socket, Reason) { close(entered); <-release })
	go func() { served <- s.Serve(t.Context()) }()
	receive(t, s.Ready())
	if a := ask(); a.status != http.StatusOK {
		t.Errorf("with Serve: %v", a)
	}
	c := join(t, s)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	c.expectClose(1001)
	receive(t, entered)
	busy("while it ends")
	close(release)
	if err := errors.Join(receive(t, stopped), receive(t, served)); err != nil {
		t.Error(err)
	}
	busy("at the end")
}

// TestEmbedBeyondTheCap: one too many is answered by the outer server, whose connections do not count.
func TestEmbedBeyondTheCap(t *testing.T) {
	e := embed(t, Options{ConnectionsMax: 3}, nil)
	for range 5 {
		openWire(t, e.Server).fine()
	}
	peers := joinAll(t, e.Server, 3)
	for range 3 {
		busyHere(t, e.Server, upgradeRequest("/socket.io/?EIO=4&transport=websocket"))
		openWire(t, e.Server).fine()
	}
	peers[0].leave()
	eventually(t, "there is room again", func() bool { return e.Connections() == 2 })
	join(t, e.Server)
}

// TestEmbedObstacles are the places where the server cannot do its work: it says why to the client, and once in the log.
func TestEmbedObstacles(t *testing.T) {
	for _, row := range []struct {
		name      string
		configure func(web *httptest.Server)
		status    int
		why       string
	}{
		{"TLS", func(web *httptest.Server) { web.StartTLS() }, http.StatusNotImplemented, "TLS"},
		{"HTTP/2", func(web *httptest.Server) { web.EnableHTTP2 = true; web.StartTLS() }, http.StatusHTTPVersionNotSupported, "HTTP/2"},
		{"no Hijacker", func(web *httptest.Server) {
			web.Config.Handler = http.TimeoutHandler(web.Config.Handler, time.Hour, "")
			web.Start()
		}, http.StatusNotImplemented, "http.Hijacker"},
		{"wrapped connections", func(web *httptest.Server) { web.Listener = wrapping{web.Listener}; web.Start() }, http.StatusNotImplemented, "*hub.wrapped"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log syncBuffer
			s := New(Options{Loops: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			web := httptest.NewUnstartedServer(s)
			row.configure(web)
			defer web.Close()
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- s.Serve(ctx) }()
			receive(t, s.Ready())
			for range 3 {
				resp, err := web.Client().Get(web.URL + pollTarget)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != row.status || !strings.Contains(string(body), row.why) || err != nil {
					t.Errorf("the answer is %s %q, %v", resp.Status, body, err)
				}
			}
			web.Client().CloseIdleConnections()
			cancel()
			if err := receive(t, served); err != nil {
				t.Error(err)
			}
			if n := strings.Count(log.String(), row.why); n != 1 {
				t.Errorf("the reason is logged %d times:\n%s", n, log.String())
			}
			if n := s.Connections(); n != 0 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// wrapping is a listener whose connections are more than sockets.
type wrapping struct{ net.Listener }

type wrapped struct{ net.Conn }

func (w wrapping) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	return &wrapped{c}, err
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestEmbedElsewhere: what arrives here and is not below the path, and paths that the handlers around have changed.
func TestEmbedElsewhere(t *testing.T) {
	e := embed(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "Options.Handler: "+r.URL.Path)
	})}, func(e *embedded) {
		e.site.Handle("/", e.Server)
		e.site.Handle("/api/", http.StripPrefix("/api", e.Server))
	})
	w := openWire(t, e.Server)
	for range 2 {
		w.send(getRequest("/other"))
		w.expect("GET", http.StatusOK, "Options.Handler: /other")
		w.send(getRequest("/socket%2Eio/?EIO=4&transport=polling")) // for the outer server the path, for a loop not
		w.expect("GET", http.StatusOK, "Options.Handler: /socket.io/")
		w.send(getRequest("/socket.io/?EIO=4&transport=pigeon"))
		w.expect("GET", http.StatusBadRequest, `{"code":0,"message":"Transport unknown"}`)
		w.fine()
		w.send(getRequest("/api/socket.io/?EIO=4&transport=pigeon"))
		w.expect("GET", http.StatusBadRequest, `{"code":0,"message":"Transport unknown"}`)
		w.send(getRequest("/api/other"))
		w.expect("GET", http.StatusOK, "Options.Handler: /other")
	}
	w.send(upgradeRequest("/api/socket.io/?EIO=4&transport=websocket"))
	if a := w.answer("GET"); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v", a)
	}
	c := w.socket(t)
	c.expect(openPacket)
	c.connect("40")
	c.leave()
}

// TestEmbedWithoutAServer: who calls the handler may be no http.Server. Then there is no way back.
func TestEmbedWithoutAServer(t *testing.T) {
	for name, handler := range map[string]http.Handler{"Options.Handler": newSite(), "none": nil} {
		t.Run(name, func(t *testing.T) {
			e := embed(t, Options{Handler: handler}, func(e *embedded) {
				anonymous := http.NewServeMux()
				anonymous.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { e.ServeHTTP(w, r.WithContext(context.Background())) })
				e.web.Config.Handler = anonymous
			})
			w := openWire(t, e.Server)
			w.send(getRequest("/socket.io/?EIO=4&transport=pigeon"))
			w.expect("GET", http.StatusBadRequest, `{"code":0,"message":"Transport unknown"}`)
			if handler != nil {
				w.fine()
			} else if a := w.ask(getRequest("/health")); a.status != http.StatusNotFound {
				t.Errorf("a foreign request is answered with %v", a)
			}
		})
	}
}

// TestEmbedOverAUnixSocket, and in two servers at once, each with its own handler for what is not ours.
func TestEmbedOverAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	e := embed(t, Options{}, nil)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", e)
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "fine over %v", r.Context().Value(http.LocalAddrContextKey))
	})
	srv := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	other := openWire(t, e.Server)
	for range 3 {
		for request, want := range map[string]string{
			getRequest("/health"):                            "fine over " + path,
			getRequest("/socket.io/?EIO=4&transport=pigeon"): `{"code":0,"message":"Transport unknown"}`,
		} {
			_, _ = io.WriteString(conn, request)
			if a, err := readResponse(in, "GET"); err != nil || a.body != want {
				t.Fatalf("the answer is %v, %v; want %q", a, err, want)
			}
		}
		other.fine()
		other.send(getRequest("/socket.io/?EIO=4&transport=pigeon"))
		other.expect("GET", http.StatusBadRequest, `{"code":0,"message":"Transport unknown"}`)
	}
	conn.Close()
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := receive(t, served); err != http.ErrServerClosed {
		t.Error(err)
	}
}

// TestEmbedOuterEnds: the outer server ends without us, and closes the connections that have come back to it; what was taken
// over goes on, and has no way back any more.
func TestEmbedOuterEnds(t *testing.T) {
	e := embed(t, Options{}, nil)
	idle, polling := openWire(t, e.Server), openWire(t, e.Server)
	target := pollTarget + "&sid=" + polling.handshake()
	idle.handshake()
	idle.fine() // it has come back
	c := join(t, e.Server)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := e.web.Config.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	idle.ended()
	c.send(`421["echo","a"]`)
	c.expect(`431["a"]`)
	polling.send(postRequest(target, "40"))
	polling.expect("POST", http.StatusOK, "ok")
	polling.send(getRequest("/health"))
	polling.ended()
	eventually(t, "only the WebSocket is left", func() bool { return e.Connections() == 1 })
	c.leave()
}

// TestEmbedEnds: the server ends without the outer one, which goes on, with the connections that have come back to it.
func TestEmbedEnds(t *testing.T) {
	e := embed(t, Options{}, nil)
	back, polling := openWire(t, e.Server), openWire(t, e.Server)
	back.handshake()
	back.fine()
	polling.handshake()
	c := join(t, e.Server)
	stopped := make(chan error, 1)
	go func() { stopped <- e.stop() }()
	c.expectClose(1001)
	polling.ended()
	polling.conn.Close()
	if err := receive(t, stopped); err != nil {
		t.Errorf("Serve = %v", err)
	}
	back.fine()
	back.send(getRequest(pollTarget))
	if a := back.answer("GET"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
		t.Errorf("at the end: %v", a)
	}
	back.fine()
}

// TestEmbedHooks: the hooks of the outer server see a connection come, go, and come again.
func TestEmbedHooks(t *testing.T) {
	states := make(chan http.ConnState, 100)
	e := embed(t, Options{}, func(e *embedded) {
		outer := e.web.Config.ConnState
		e.web.Config.ConnState = func(c net.Conn, state http.ConnState) {
			if outer != nil {
				outer(c, state)
			}
			states <- state
		}
	})
	w := openWire(t, e.Server)
	w.handshake()
	w.fine()
	w.handshake()
	w.fine()
	w.conn.Close()
	var got []http.ConnState
	for want := []http.ConnState{
		http.StateNew, http.StateActive, http.StateHijacked,
		http.StateNew, http.StateActive, http.StateIdle, http.StateActive, http.StateHijacked,
		http.StateNew, http.StateActive, http.StateIdle, http.StateClosed,
	}; len(got) < len(want); {
		got = append(got, receive(t, states))
		if !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("the states are %v, want %v", got, want)
		}
	}
}

// TestEmbedBesideAnAddress: a server may listen and be a handler too.
func TestEmbedBesideAnAddress(t *testing.T) {
	s := start(t, Options{}, echoes)
	mux := newSite()
	mux.Handle("/socket.io/", s)
	web := httptest.NewServer(mux)
	defer web.Close()
	defer web.Config.Close()
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	inside := &wire{t: t, conn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
	inside.fine()
	sid := inside.handshake()
	inside.fine()
	own := openWire(t, s)
	if a := own.ask(postRequest(pollTarget+"&sid="+sid, "40")); a.body != "ok" {
		t.Errorf("the session's POST on the own address is answered with %v", a)
	}
	own.send(getRequest("/health"))
	if a := own.answer("GET"); a.status != http.StatusNotFound {
		t.Errorf("on the own address /health is answered with %v", a)
	}
	inside.send(getRequest(pollTarget + "&sid=" + sid))
	inside.expect("GET", http.StatusOK, `40{"sid":"<20>"}`)
}

// TestEmbedTLSConfig: a server with certificates that serves plain connections besides is no obstacle.
func TestEmbedTLSConfig(t *testing.T) {
	e := embed(t, Options{}, func(e *embedded) { e.web.Config.TLSConfig = &tls.Config{} })
	w := openWire(t, e.Server)
	w.fine()
	w.handshake()
	w.fine()
}

// TestEmbedDrains: clients that have come by the outer server are served until it is their turn.
func TestEmbedDrains(t *testing.T) {
	e := embed(t, Options{DrainTime: TimeMax}, nil)
	w, sid := joinPolling(t, e.Server)
	joinToGoFirst(t, e.Server)
	target := pollTarget + "&sid=" + sid
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- e.Shutdown(ctx) }()
	eventually(t, "the drain has begun", func() bool { return e.draining.Load() })
	busyHere(t, e.Server, getRequest(pollTarget))
	busyHere(t, e.Server, upgradeRequest("/socket.io/?EIO=4&transport=websocket"))
	for _, w := range []*wire{w, openWire(t, e.Server)} {
		w.fine()
		w.send(postRequest(target, `421["echo","a"]`))
		w.expect("POST", http.StatusOK, "ok")
		w.fine()
		w.send(getRequest(target))
		w.expect("GET", http.StatusOK, `431["a"]`)
	}
	cancel()
	if err := receive(t, stopped); err != context.Canceled {
		t.Errorf("Shutdown = %v", err)
	}
	e.stop = func() error { return nil } // it has told already
}
