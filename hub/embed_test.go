package hub

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// embedded is a server that lives in a net/http server.
type embedded struct {
	*Server
	web *httptest.Server
}

// embed starts a net/http server with a site of its own and a hub in it.
func embed(t *testing.T, opts Options, setup func(*Server)) *embedded {
	t.Helper()
	opts.Logger, opts.Loops = quiet, 2
	s := New(opts)
	if setup != nil {
		setup(s)
	}
	mux := newSite()
	mux.Handle("/socket.io/", s)
	web := httptest.NewServer(mux)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(context.Background()) }()
	receive(t, s.Ready())
	t.Cleanup(func() {
		web.Close()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return &embedded{s, web}
}

func (e *embedded) addr() net.Addr { return e.web.Listener.Addr() }

// TestEmbedded has one connection do everything in turn, and become a WebSocket in the end: what is not ours is answered by
// the handler of its own server, however often the connection has changed hands.
func TestEmbedded(t *testing.T) {
	var sockets <-chan *Socket
	e := embed(t, Options{}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	w := openWireAt(t, e.addr())
	client := w.conn.LocalAddr().String()
	w.fine()
	target := pollTarget + "&sid=" + w.handshake()
	w.fine()
	w.send(postRequest(target, "40"))
	w.expect("POST", http.StatusOK, "ok")
	w.send(postRequest("/echo", "a body") + getRequest("/nowhere"))
	w.expect("POST", http.StatusOK, "a body")
	w.expect("GET", http.StatusNotFound, "404 page not found\n")
	if got := receive(t, sockets).Handshake().Address; got != client {
		t.Errorf("the client's address is %q, want %q", got, client)
	}
	w.fine()
	w.send(upgradeRequest("/socket.io/?EIO=4&transport=websocket"))
	if a := w.answer("GET"); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v", a)
	}
	c := w.socket(t)
	c.expect(openPacket)
	c.connect("40")
	if err := receive(t, sockets).Emit("hello"); err != nil {
		t.Error(err)
	}
	c.expect(`42["hello"]`)
}

// TestEmbeddedFirstRequests: whatever comes first on a connection, with its body and with what follows it at once.
func TestEmbeddedFirstRequests(t *testing.T) {
	e := embed(t, Options{}, nil)
	sid := openWireAt(t, e.addr()).handshake()
	target := pollTarget + "&sid=" + sid
	w := openWireAt(t, e.addr())
	w.send(postRequest(target, "40") + postRequest(target, `420["x"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.expect("POST", http.StatusOK, "ok")
	w.fine()

	c := dialAt(t, e.addr(), "")
	c.expect(openPacket)
	c.connect("40")

	w = openWireAt(t, e.addr())
	w.send(getRequest("/socket.io/?EIO=4&transport=pigeon"))
	w.expect("GET", http.StatusBadRequest, `{"code":0,"message":"Transport unknown"}`)
}

// TestEmbeddedCap: beyond it a client is told to come again.
func TestEmbeddedCap(t *testing.T) {
	e := embed(t, Options{ConnectionsMax: 1}, nil)
	c := dialAt(t, e.addr(), "")
	c.expect(openPacket)
	w := openWireAt(t, e.addr())
	a := w.ask(getRequest(pollTarget))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
		t.Errorf("beyond the cap the answer is %v", a)
	}
	w.ended()
	c.connect("40") // which has noticed nothing
}

// TestWhatCannotBeEmbedded is answered in so many words.
func TestWhatCannotBeEmbedded(t *testing.T) {
	idle := New(Options{Logger: quiet})
	running := embed(t, Options{}, nil)
	for _, tc := range []struct {
		name   string
		server *Server
		start  func(*httptest.Server)
		target string
		status int
		body   string
	}{
		{"over TLS", running.Server, (*httptest.Server).StartTLS, pollTarget, http.StatusNotImplemented, "over TLS or HTTP/2"},
		{"over HTTP/2", running.Server, func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }, pollTarget, http.StatusNotImplemented, "over TLS or HTTP/2"},
		{"before the loops run", idle, (*httptest.Server).Start, pollTarget, http.StatusServiceUnavailable, "Service Unavailable"},
		{"outside of the path", running.Server, (*httptest.Server).Start, "/elsewhere", http.StatusNotFound, "404"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			web := httptest.NewUnstartedServer(tc.server)
			tc.start(web)
			defer web.Close()
			resp, err := web.Client().Get(web.URL + tc.target)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tc.status || !strings.Contains(string(body), tc.body) {
				t.Errorf("the answer is %s %q, want %d and %q", resp.Status, body, tc.status, tc.body)
			}
		})
	}
	rec := httptest.NewRecorder() // which nobody can hijack
	running.ServeHTTP(rec, httptest.NewRequest("GET", pollTarget, nil))
	if rec.Code != http.StatusNotImplemented {
		t.Errorf("without a connection the answer is %d", rec.Code)
	}
}

// TestForeignHandlers: who answers what is not ours.
func TestForeignHandlers(t *testing.T) {
	tcp := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	own, theirs := http.NewServeMux(), http.NewServeMux()
	with, without := New(Options{Handler: own}), New(Options{})
	if with.foreignHandler(tcp) != http.Handler(own) || with.foreignHandler(nil) != http.Handler(own) {
		t.Error("Options.Handler does not answer on our own port")
	}
	rec := httptest.NewRecorder()
	without.foreignHandler(tcp).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != http.StatusNotFound {
		t.Errorf("without it the answer is %d", rec.Code)
	}
	if with.foreignHandler(&home{tcp, &http.Server{Handler: theirs}}) != http.Handler(theirs) {
		t.Error("another server's handler does not answer on its connections")
	}
	if with.foreignHandler(&home{tcp, &http.Server{}}) != http.Handler(http.DefaultServeMux) {
		t.Error("another server's default does not answer on its connections")
	}
}
