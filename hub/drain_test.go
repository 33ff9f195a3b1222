package hub

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestShutdownByCall ends a server in order, and whoever asks for it waits for that.
func TestShutdownByCall(t *testing.T) {
	s, _ := startServer(t, Options{ShutdownNotice: "going"}, func(s *Server) { s.Of("/other") })
	a, b := join(t, s), join(t, s)
	b.connect("40/other,")
	first := make(chan error, 1)
	go func() { first <- s.Shutdown(context.Background()) }()
	a.expect(`42["going"]`)
	a.expectClose(1001)
	got := []string{b.next(), b.next()}
	if got[0] > got[1] {
		got[0], got[1] = got[1], got[0]
	}
	if got[0] != `42/other,["going"]` || got[1] != `42["going"]` {
		t.Errorf("a client of two namespaces is told %q", got)
	}
	b.expectClose(1001)
	if err := receive(t, first); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := s.Shutdown(canceled); err != nil {
		t.Errorf("a second Shutdown = %v", err)
	}
}

// TestShutdownBeforeServe: there is nothing to end, and nothing begins any more.
func TestShutdownBeforeServe(t *testing.T) {
	s := New(Options{Logger: quiet, Loops: 1})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := s.ListenAndServe(context.Background(), "127.0.0.1:0"); !errors.Is(err, ErrShutdown) {
		t.Errorf("ListenAndServe = %v, want ErrShutdown", err)
	}
}

// TestShutdownCutsWhatTakesTooLong: its context bounds the end.
func TestShutdownCutsWhatTakesTooLong(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	s, _ := startServer(t, Options{}, func(s *Server) {
		s.On("hold", func(*Socket, *Event) { close(held); <-release })
	})
	defer close(release)
	c := join(t, s)
	c.send(`42["hold"]`)
	receive(t, held)
	if err := s.Shutdown(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown = %v, want the context's error", err)
	}
}

// TestDrainingServerIsBusy: while it drains, those that are in go on, and nobody is let in.
func TestDrainingServerIsBusy(t *testing.T) {
	s, _ := startServer(t, Options{DrainTime: time.Hour, ShutdownNotice: "going"}, func(s *Server) {
		s.OnLoop("echo", func(_ *Socket, e *Event) { _ = e.Ack(e.Raw(0)) })
	})
	c := join(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(ctx) }()
	c.expect(`42["going"]`)
	a := openWire(t, s).ask(getRequest(pollTarget))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a new client is answered with %v", a)
	}
	c.send(`420["echo",1]`)
	c.expect(`430[1]`)
	cancel()
	if err := receive(t, ended); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown = %v", err)
	}
	c.expectClose(1001)
}

// TestDrainInSteps: each step disconnects the same share.
func TestDrainInSteps(t *testing.T) {
	for _, tc := range []struct {
		clients, steps int
		left           []int
	}{
		{10, 5, []int{8, 6, 4, 2, 0}},
		{10, 3, []int{7, 4, 0}},
		{2, 5, []int{2, 2, 1, 1, 0}},
		{0, 2, []int{0, 0}},
	} {
		s := simulate(t, Options{}, nil)
		joinMany(s, tc.clients)
		for i, want := range tc.left {
			s.shard().disconnectShare(i+1, tc.steps)
			if got := s.shard().table.Len(); got != want {
				t.Errorf("%d clients, step %d of %d: %d are left, want %d", tc.clients, i+1, tc.steps, got, want)
			}
		}
	}
}

// serveListener serves connections of a listener until the test ends.
func serveListener(t *testing.T, opts Options, setup func(*Server)) (s *Server, ln net.Listener, served <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts.Logger, opts.Loops = quiet, 2
	s = New(opts)
	if setup != nil {
		setup(s)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.ServeListener(context.Background(), ln) }()
	receive(t, s.Ready())
	return s, ln, ended
}

// TestServeListener: clients come by a listener of the caller's, by both transports.
func TestServeListener(t *testing.T) {
	s, ln, served := serveListener(t, Options{ConnectionsMax: 2}, func(s *Server) {
		s.OnLoop("echo", func(_ *Socket, e *Event) { _ = e.Ack(e.Raw(0)) })
	})
	c := dialAt(t, ln.Addr(), "")
	c.expect(openPacket)
	c.connect("40")
	c.send(`420["echo",1]`)
	c.expect(`430[1]`)
	w := openWireAt(t, ln.Addr())
	w.handshake()
	if a := openWireAt(t, ln.Addr()).ask(getRequest(pollTarget)); a.status != http.StatusServiceUnavailable {
		t.Errorf("beyond the cap the answer is %v", a)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ServeListener(context.Background(), other); !errors.Is(err, ErrListening) {
		t.Errorf("a second ServeListener = %v, want ErrListening", err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := receive(t, served); err != nil {
		t.Errorf("ServeListener = %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

// TestListenerThatIsClosed ends the server.
func TestListenerThatIsClosed(t *testing.T) {
	_, ln, served := serveListener(t, Options{}, nil)
	c := dialAt(t, ln.Addr(), "")
	c.expect(openPacket)
	ln.Close()
	c.expectClose(1001)
	if err := receive(t, served); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ServeListener = %v, want net.ErrClosed", err)
	}
}

// TestServeListenerBehindAProxy: connections begin with PROXY headers as those of Listen do.
func TestServeListenerBehindAProxy(t *testing.T) {
	asked := newNotes()
	s, ln, served := serveListener(t, Options{
		ProxyProtocol: true, TrustedProxies: []string{"loopback"},
		AllowRequest: func(r *http.Request) error { asked.add("%s", r.RemoteAddr); return nil },
	}, nil)
	w := openWireAt(t, ln.Addr())
	w.send("PROXY TCP4 203.0.113.7 192.0.2.9 4321 80\r\n")
	w.handshake()
	asked.expect(t, "203.0.113.7:4321")
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := receive(t, served); err != nil {
		t.Errorf("ServeListener = %v", err)
	}
}
