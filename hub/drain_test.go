package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"starling/hub/cluster"
	"starling/hub/internal/session"
)

// serving runs a server until its Serve returns, and gives back what that returns.
func serving(t *testing.T, s *Server, serve func(context.Context) error) (served <-chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatalf("Serve: %v", err)
	case <-time.After(patience):
		t.Fatal("the server is never ready")
	}
	return ended, cancel
}

// newServing makes a server on a port of its own.
func newServing(t *testing.T, opts Options, setup func(*Server)) (s *Server, served <-chan error, cancel func()) {
	t.Helper()
	opts.Loops = 2
	s = New(calm(opts))
	if setup != nil {
		setup(s)
	}
	served, cancel = serving(t, s, func(ctx context.Context) error { return s.ListenAndServe(ctx, "127.0.0.1:0") })
	return s, served, cancel
}

// TestShutdownFromOutside ends a server, for several callers at once; all wait for it.
func TestShutdownFromOutside(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s, served, _ := newServing(t, Options{}, func(s *Server) {
		s.OnDisconnect(func(*Socket, Reason) { close(entered); <-release })
	})
	c := join(t, s)
	const callers = 3
	returned := make(chan error, callers)
	for range callers {
		go func() { returned <- s.Shutdown(t.Context()) }()
	}
	c.expectClose(1001)
	receive(t, entered)
	select {
	case err := <-returned:
		t.Errorf("Shutdown has returned %v while a handler runs", err)
	case err := <-served:
		t.Errorf("ListenAndServe has returned %v while a handler runs", err)
	default:
	}
	close(release)
	for range callers {
		if err := receive(t, returned); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
	}
	if err := receive(t, served); err != nil {
		t.Errorf("ListenAndServe = %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown at the end = %v", err)
	}
	if err := s.Serve(t.Context()); !errors.Is(err, ErrShutdown) {
		t.Errorf("Serve at the end = %v", err)
	}
}

// TestShutdownBeforeServe frees the address, and whoever comes to serve is told.
func TestShutdownBeforeServe(t *testing.T) {
	s := New(Options{Logger: quiet})
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
	}
	ln, err := net.Listen("tcp", s.Addr().String())
	if err != nil {
		t.Errorf("the address is not free: %v", err)
	} else {
		ln.Close()
	}
	if err := s.Serve(t.Context()); !errors.Is(err, ErrShutdown) {
		t.Errorf("Serve = %v, want ErrShutdown", err)
	}
	s = New(Options{Logger: quiet})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Listen":         s.Listen("127.0.0.1:0"),
		"Serve":          s.Serve(t.Context()),
		"ListenAndServe": s.ListenAndServe(t.Context(), "127.0.0.1:0"),
		"ServeListener":  s.ServeListener(t.Context(), ln),
	} {
		if !errors.Is(err, ErrShutdown) {
			t.Errorf("%s = %v, want ErrShutdown", name, err)
		}
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is still open: %v", err)
	}
	if isClosed(s.Ready()) {
		t.Error("it is ready")
	}
}

// TestServeTwice: a server serves once.
func TestServeTwice(t *testing.T) {
	s := start(t, Options{}, nil)
	if err := s.Serve(t.Context()); !errors.Is(err, ErrListening) {
		t.Errorf("a second Serve = %v, want ErrListening", err)
	}
	join(t, s).leave()
}

// TestShutdownNotice reaches everybody, in all namespaces, before they are disconnected.
func TestShutdownNotice(t *testing.T) {
	for _, within := range []time.Duration{0, TimeMin} {
		t.Run(within.String(), func(t *testing.T) {
			s, served, _ := newServing(t, Options{ShutdownNotice: "closing", DrainTime: within}, func(s *Server) {
				s.Of("/chat")
				s.OfFunc(func(name string, _ Raw) bool { return name == "/child" })
			})
			peers := joinAll(t, s, 5)
			for _, p := range peers[1:] {
				p.connect("40/chat,")
				p.connect("40/child,")
			}
			poll, sid := joinPolling(t, s)
			poll.send(getRequest(pollTarget + "&sid=" + sid))
			var leaving sync.WaitGroup
			for i, p := range peers {
				leaving.Go(func() {
					want := map[string]bool{`42["closing"]`: true}
					if i > 0 {
						want[`42/chat,["closing"]`], want[`42/child,["closing"]`] = true, true
					}
					for len(want) > 0 {
						got := p.message()
						if !want[got] {
							t.Errorf("got %q, want one of %v", got, want)
							return
						}
						delete(want, got)
					}
					for _, want := range []string{"<close 1001>", "<end>"} {
						if got := p.message(); got != want {
							t.Errorf("got %q, want %q", got, want)
						}
					}
					p.conn.Close()
				})
			}
			stopped := make(chan error, 1)
			go func() { stopped <- s.Shutdown(t.Context()) }()
			if a := poll.answer("GET"); a.body != `42["closing"]` && a.body != "42[\"closing\"]\x1e1" {
				t.Errorf("who polls gets %q", a.body)
			}
			poll.conn.Close()
			leaving.Wait()
			if err := errors.Join(receive(t, stopped), receive(t, served)); err != nil {
				t.Error(err)
			}
		})
	}
}

// joinToGoFirst has a client more come to each loop: whoever has come last leaves at the first tick of a drain, the one before
// only after a good part of its time.
func joinToGoFirst(t *testing.T, s *Server) {
	t.Helper()
	for had := map[int]bool{}; len(had) < len(s.column()); {
		loop, _ := session.LoopOf(join(t, s).id)
		had[loop] = true
	}
}

// TestDrainServesOn: while clients are disconnected one by one, those that are still there are served in every way, on new
// connections too; new sessions are not begun, by any transport.
func TestDrainServesOn(t *testing.T) {
	s, served, _ := newServing(t, Options{DrainTime: TimeMax, Handler: newSite()}, func(s *Server) {
		s.OnLoop("sync", acked)
		echoes(s)
	})
	c, silent := join(t, s), dialTCP(t, s)
	_, sid := joinPolling(t, s)
	joinToGoFirst(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	returned := make(chan error, 2)
	go func() { returned <- s.Shutdown(ctx) }()
	eventually(t, "the drain has begun", func() bool { return s.draining.Load() })
	go func() { returned <- s.Shutdown(t.Context()) }() // which has all the time in the world

	for _, request := range []string{getRequest(pollTarget), upgradeRequest("/socket.io/?EIO=4&transport=websocket")} {
		busyHere(t, s, request)
	}
	c.settled()
	target := pollTarget + "&sid=" + sid
	for i := range 3 {
		w := openWire(t, s)
		w.fine()
		w.send(postRequest(target, fmt.Sprintf(`42%d["echo","a"]`, i)))
		w.expect("POST", http.StatusOK, "ok")
		w.fine()
		w.send(getRequest(target))
		w.expect("GET", http.StatusOK, fmt.Sprintf(`43%d["a"]`, i))
		w.conn.Close()
	}
	w := openWire(t, s)
	w.send(upgradeRequest(target + "&transport=websocket"))
	if a := w.answer("GET"); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v", a)
	}
	up := w.socket(t)
	up.send("2probe")
	up.expect("3probe")
	up.send("5", `429["sync"]`)
	up.expect("439[]")

	cancel()
	for range 2 {
		if err := receive(t, returned); err != context.Canceled {
			t.Errorf("Shutdown = %v, want context.Canceled", err)
		}
	}
	if err := receive(t, served); err != context.Canceled {
		t.Errorf("ListenAndServe = %v, want context.Canceled", err)
	}
	for _, conn := range []net.Conn{c.conn, up.conn, silent} {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		// The loops say goodbye to all; it is a matter of luck who hears it.
		if said, err := io.ReadAll(conn); len(said) > 0 && string(said) != "\x88\x02\x03\xe9" || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("who is cut off gets %q, %v", said, err)
		}
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// TestDrainBySteps lets a server drain in time, from Serve's context: everybody is told, on every loop.
func TestDrainBySteps(t *testing.T) {
	noted := newNotes()
	s, served, cancel := newServing(t, Options{DrainTime: 3 * TimeMin}, func(s *Server) {
		s.OnDisconnect(func(_ *Socket, r Reason) { noted.add("%s", r) })
	})
	peers := joinAll(t, s, 20)
	var leaving sync.WaitGroup
	for _, p := range peers {
		leaving.Go(func() {
			if got := p.message(); got != "<close 1001>" {
				t.Errorf("got %q", got)
			}
			p.conn.Close()
		})
	}
	cancel()
	leaving.Wait()
	if err := receive(t, served); err != nil {
		t.Errorf("ListenAndServe = %v", err)
	}
	for range peers {
		noted.expect(t, "server shutting down")
	}
	noted.none(t)
}

// TestShutdownOver: the first caller's time takes the place of Options.DrainTime.
func TestShutdownOver(t *testing.T) {
	for _, row := range []struct {
		name        string
		option, ask time.Duration
	}{
		{"at once instead of much later", TimeMax, 0},
		{"by steps instead of at once", 0, 3 * TimeMin},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, served, _ := newServing(t, Options{DrainTime: row.option}, nil)
			peers := joinAll(t, s, 20)
			if s.Draining() {
				t.Error("it drains before anybody has asked")
			}
			returned := make(chan error, 2)
			go func() { returned <- s.ShutdownOver(t.Context(), row.ask) }()
			eventually(t, "the drain has begun", s.Draining)
			go func() { returned <- s.ShutdownOver(t.Context(), TimeMax) }() // later than what is asked for already
			for _, p := range peers {
				if got := p.message(); got != "<close 1001>" {
					t.Errorf("got %q", got)
				}
				p.conn.Close()
			}
			for range 2 {
				if err := receive(t, returned); err != nil {
					t.Errorf("ShutdownOver = %v", err)
				}
			}
			if err := receive(t, served); err != nil {
				t.Errorf("ListenAndServe = %v", err)
			}
		})
	}
}

// TestShutdownIsHastened by another one, and by Serve's context.
func TestShutdownIsHastened(t *testing.T) {
	for name, hasten := range map[string]func(s *Server, cancel func()){
		"by another": func(s *Server, _ func()) { _ = s.ShutdownOver(context.Background(), 0) },
		"by Serve's": func(_ *Server, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			s, served, cancel := newServing(t, Options{}, nil)
			peers := joinAll(t, s, 20)
			returned := make(chan error, 1)
			go func() { returned <- s.ShutdownOver(t.Context(), TimeMax) }()
			eventually(t, "the drain has begun", s.Draining)
			go hasten(s, cancel)
			for _, p := range peers {
				if got := p.message(); got != "<close 1001>" {
					t.Errorf("got %q", got)
				}
				p.conn.Close()
			}
			if err := errors.Join(receive(t, returned), receive(t, served)); err != nil {
				t.Errorf("ShutdownOver and Serve: %v", err)
			}
		})
	}
}

// TestShutdownIsCut by whoever's patience ends first: another caller's, Serve's own.
func TestShutdownIsCut(t *testing.T) {
	done, cancelDone := context.WithCancel(context.Background())
	cancelDone()
	late, cancelLate := context.WithDeadline(context.Background(), time.Now())
	defer cancelLate()
	for _, row := range []struct {
		name string
		cut  func(s *Server, cancel func())
		want error
	}{
		{"by another call", func(s *Server, _ func()) { _ = s.Shutdown(done) }, context.Canceled},
		{"by a deadline", func(s *Server, _ func()) { _ = s.Shutdown(late) }, context.DeadlineExceeded},
		{"by Serve's context", func(_ *Server, cancel func()) { cancel() }, context.DeadlineExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			s, served, cancel := newServing(t, Options{ShutdownTimeout: TimeMin}, func(s *Server) {
				s.OnDisconnect(func(*Socket, Reason) { close(entered); <-release })
			})
			c := join(t, s)
			stopped := make(chan error, 1)
			go func() { stopped <- s.Shutdown(context.Background()) }()
			c.expectClose(1001)
			receive(t, entered)
			row.cut(s, cancel)
			for _, returned := range []<-chan error{stopped, served} {
				if err := receive(t, returned); err != row.want {
					t.Errorf("it ends with %v, want %v", err, row.want)
				}
			}
			close(release)
			eventually(t, "the handler has ended", func() bool { return s.workers.quiet() == nil })
		})
	}
}

// TestShutdownOfAServerThatIsHeld: a callback that does not return holds its loop. Shutdown returns all the same.
func TestShutdownOfAServerThatIsHeld(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s, served, _ := newServing(t, Options{}, func(s *Server) {
		s.OnLoop("hold", func(*Socket, *Event) { close(entered); <-release })
	})
	c := join(t, s)
	c.send(`42["hold"]`)
	receive(t, entered)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown = %v, want context.Canceled", err)
	}
	select {
	case err := <-served:
		t.Errorf("ListenAndServe = %v", err)
	default:
	}
	close(release)
	if err := receive(t, served); err != context.Canceled {
		t.Errorf("ListenAndServe = %v, want context.Canceled", err)
	}
}

// TestLoopsThatEndWhileTheyDrain: nobody waits for clients that are gone.
func TestLoopsThatEndWhileTheyDrain(t *testing.T) {
	s, served, _ := newServing(t, Options{DrainTime: TimeMax}, nil)
	join(t, s)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	eventually(t, "the drain has begun", func() bool { return s.draining.Load() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = s.engine.Load().Shutdown(ctx) // as if by themselves
	if err := errors.Join(receive(t, stopped), receive(t, served)); err != nil {
		t.Error(err)
	}
}

// nodeOf is a cluster of one node, which notes when it joins and leaves.
type nodeOf struct {
	cluster.Adapter
	noted notes
	err   error
}

func (n *nodeOf) Join(cluster.Node) error        { n.noted.add("joins"); return n.err }
func (n *nodeOf) Publish(*cluster.Message) error { return nil }
func (n *nodeOf) Nodes() []cluster.NodeID        { return nil }
func (n *nodeOf) Close() error                   { n.noted.add("leaves"); return nil }
func (n *nodeOf) expect(t *testing.T, want ...string) {
	t.Helper()
	n.noted.expect(t, want...)
	n.noted.none(t)
}

// TestANodeComesAndGoes: a server is part of its cluster for as long as it has clients, and a handler.
func TestANodeComesAndGoes(t *testing.T) {
	n := &nodeOf{noted: newNotes()}
	s, served, _ := newServing(t, Options{Adapter: n}, func(s *Server) {
		s.OnDisconnect(func(*Socket, Reason) { n.noted.add("disconnects") })
	})
	n.expect(t, "joins")
	c := join(t, s)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	c.expectClose(1001)
	if err := errors.Join(receive(t, stopped), receive(t, served)); err != nil {
		t.Error(err)
	}
	n.expect(t, "disconnects", "leaves")
}

// TestANodeThatDoesNotServe leaves its cluster too, once, and one that cannot join does not serve.
func TestANodeThatDoesNotServe(t *testing.T) {
	n := &nodeOf{noted: newNotes()}
	s := New(Options{Logger: quiet, Adapter: n})
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_ = s.Shutdown(t.Context())
	}
	n.expect(t, "joins", "leaves")

	n = &nodeOf{noted: newNotes(), err: errors.New("no way")}
	s = New(Options{Logger: quiet, Adapter: n})
	if err := s.Serve(t.Context()); !errors.Is(err, n.err) {
		t.Errorf("Serve = %v", err)
	}
	if err := s.Listen("127.0.0.1:0"); !errors.Is(err, n.err) || s.Addr() != nil {
		t.Errorf("Listen = %v, on %v", err, s.Addr())
	}
	n.expect(t, "joins", "joins")
}
