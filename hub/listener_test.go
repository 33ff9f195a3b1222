package hub

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"starling/eventloop"
)

// listenOn makes a listener that a server is to serve.
func listenOn(t *testing.T, network string) net.Listener {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serveOn runs a server on a listener until the test ends, and requires a clean end.
func serveOn(t *testing.T, opts Options, ln net.Listener, setup func(*Server)) *Server {
	t.Helper()
	opts.Logger, opts.Loops = quiet, 4
	s := New(opts)
	if setup != nil {
		setup(s)
	}
	served, cancel := serving(t, s, func(ctx context.Context) error { return s.ServeListener(ctx, ln) })
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("ServeListener = %v", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is still open: %v", err)
		}
	})
	return s
}

// TestServeListener: what comes by a listener is served as what comes to an address, also beside a handler.
func TestServeListener(t *testing.T) {
	ln := listenOn(t, "tcp")
	s := serveOn(t, Options{Handler: newSite()}, ln, echoes)
	if s.Addr() != ln.Addr() {
		t.Errorf("Addr = %v", s.Addr())
	}
	for _, p := range joinAll(t, s, 20) {
		p.send(`421["echo","a"]`)
		p.expect(`431["a"]`)
		p.leave()
	}
	w, sid := joinPolling(t, s)
	for range 3 {
		w.fine()
		w.send(postRequest(pollTarget+"&sid="+sid, `421["echo","a"]`))
		w.expect("POST", http.StatusOK, "ok")
		w.send(getRequest(pollTarget + "&sid=" + sid))
		w.expect("GET", http.StatusOK, `431["a"]`)
	}
}

// TestServeListenerOfAProxy believes the PROXY header of a proxy that is trusted, and nobody else's.
func TestServeListenerOfAProxy(t *testing.T) {
	const header, client = "PROXY TCP4 203.0.113.7 192.0.2.9 4321 80\r\n", "203.0.113.7:4321"
	for trusted, want := range map[string]string{"loopback": client, "192.0.2.0/24": ""} {
		t.Run(trusted, func(t *testing.T) {
			var sockets <-chan *Socket
			s := serveOn(t, Options{ProxyProtocol: true, TrustedProxies: []string{trusted}, Handler: newSite()}, listenOn(t, "tcp"),
				func(s *Server) { sockets = firstSocket(s.Namespace) })
			w := openWire(t, s)
			if want == "" {
				w.send(header)
				w.ended()
				return
			}
			w.send(header + getRequest("/health"))
			w.expect("GET", http.StatusOK, "fine, "+client)
			sid := w.handshake()
			w.send(postRequest(pollTarget+"&sid="+sid, "40"))
			w.expect("POST", http.StatusOK, "ok")
			if got := receive(t, sockets).Handshake().Address; got != want {
				t.Errorf("the client is %q, want %q", got, want)
			}
		})
	}
}

// TestServeListenerBeyondTheCap answers one too many as any server does.
func TestServeListenerBeyondTheCap(t *testing.T) {
	s := serveOn(t, Options{ConnectionsMax: 3}, listenOn(t, "tcp"), nil)
	peers := joinAll(t, s, 3)
	for range 3 {
		conn := dialTCP(t, s)
		_, _ = io.WriteString(conn, upgradeRequest("/socket.io/?EIO=4&transport=websocket"))
		if got, err := io.ReadAll(conn); string(got) != busyResponse || err != nil {
			t.Errorf("one too many gets %q, %v", got, err)
		}
		conn.Close()
	}
	peers[0].leave()
	eventually(t, "there is room again", func() bool { return s.Connections() == 2 })
	join(t, s)
}

// TestServeListenerOnAUnixSocket serves clients that have no address.
func TestServeListenerOnAUnixSocket(t *testing.T) {
	ln := listenOn(t, "unix")
	var sockets <-chan *Socket
	s := serveOn(t, Options{Handler: newSite()}, ln, func(s *Server) { sockets = firstSocket(s.Namespace) })
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	ask := func(method, request, want string) {
		t.Helper()
		_, _ = io.WriteString(conn, request)
		if a, err := readResponse(in, method); err != nil || a.body != want {
			t.Fatalf("the answer is %v, %v; want %q", a, err, want)
		}
	}
	ask("POST", postRequest("/echo", "by way of net/http"), "by way of net/http")
	begun := make(chan string, 1)
	s.Use(func(s *Socket) error { begun <- s.Handshake().Address; return nil })
	_, _ = io.WriteString(conn, upgradeRequest("/socket.io/?EIO=4&transport=websocket"))
	if a, err := readResponse(in, "GET"); err != nil || a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v, %v", a, err)
	}
	if _, err := conn.Write(appendMessage(nil, "40")); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, begun); got != "" && got != "@" {
		t.Errorf("its address is %q", got)
	}
	if got := receive(t, sockets).Handshake().URL; got != "/socket.io/?EIO=4&transport=websocket" {
		t.Errorf("its URL is %q", got)
	}
}

// TestServeListenerThatFails ends the server in order, and says why.
func TestServeListenerThatFails(t *testing.T) {
	for _, row := range []struct {
		name string
		wrap func(net.Listener) net.Listener
		fail func(ln net.Listener)
		want error
	}{
		{"closed", func(ln net.Listener) net.Listener { return ln }, func(ln net.Listener) { ln.Close() }, net.ErrClosed},
		{"TLS", func(ln net.Listener) net.Listener { return tls.NewListener(ln, &tls.Config{}) }, func(ln net.Listener) {
			if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
				c.Close()
			}
		}, eventloop.ErrNoSocket},
	} {
		t.Run(row.name, func(t *testing.T) {
			ln := row.wrap(listenOn(t, "tcp"))
			s := New(Options{Logger: quiet, Loops: 2})
			served, _ := serving(t, s, func(ctx context.Context) error { return s.ServeListener(ctx, ln) })
			var p *peer
			if row.name == "closed" {
				p = join(t, s)
			}
			row.fail(ln)
			if p != nil {
				p.expectClose(1001)
			}
			if err := receive(t, served); !errors.Is(err, row.want) {
				t.Errorf("ServeListener = %v, want %v", err, row.want)
			}
			if err := s.Shutdown(t.Context()); !errors.Is(err, row.want) {
				t.Errorf("Shutdown = %v, want %v", err, row.want)
			}
			if n := s.Connections(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
		})
	}
}

// TestServeListenerInVain closes the listener all the same.
func TestServeListenerInVain(t *testing.T) {
	listening := New(Options{Logger: quiet})
	if err := listening.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listening.Shutdown(t.Context()) }()
	var options *OptionsError
	for _, row := range []struct {
		name string
		s    *Server
		is   func(error) bool
	}{
		{"an address of its own", listening, func(err error) bool { return errors.Is(err, ErrListening) }},
		{"wrong options", New(Options{Logger: quiet, Loops: -1}), func(err error) bool { return errors.As(err, &options) }},
	} {
		ln := listenOn(t, "tcp")
		if err := row.s.ServeListener(t.Context(), ln); !row.is(err) {
			t.Errorf("%s: ServeListener = %v", row.name, err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the listener is still open: %v", row.name, err)
		}
	}
}
