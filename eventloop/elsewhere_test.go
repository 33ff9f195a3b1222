package eventloop

import (
	"errors"
	"io"
	"net"
	"testing"
)

// accepted is a TCP connection that somebody else has accepted, and its other end.
func accepted(t *testing.T) (nc, peer net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if peer, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if nc, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close(); nc.Close() })
	return nc, peer
}

// startNowhere starts an engine that listens nowhere, whose loops say who has come and what.
func startNowhere(t *testing.T, connectionsMax int) *Engine {
	t.Helper()
	e := startMoving(t, Config{Addr: nowhere, Loops: 2, ConnectionsMax: connectionsMax, Refusal: []byte("full")}, func(_ *Loop, a *app, _ func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			kind := "new "
			if c.Moved() {
				kind = "taken "
			}
			c.Queue([]byte(kind + string(b) + " of " + c.RemoteAddr().String()))
			c.Close(io.EOF)
		}
	})
	if e.Addr() != nil {
		t.Fatalf("it listens on %v", e.Addr())
	}
	return e
}

// TestConnectionsFromElsewhere come to an engine that listens nowhere.
func TestConnectionsFromElsewhere(t *testing.T) {
	e := startNowhere(t, 10)
	given := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 4711}
	for i := range 8 {
		nc, peer := accepted(t)
		if err := e.Accept(nc); err != nil {
			t.Fatal(err)
		}
		ask(t, peer, "hello", "new hello of "+peer.LocalAddr().String())

		nc, peer = accepted(t)
		if err := e.Loops()[i%2].Take(nc, []byte("hel"), given); err != nil {
			t.Fatal(err)
		}
		ask(t, peer, "", "taken hel of 198.51.100.7:4711")
	}
	eventually(t, "all are gone", func() bool { return e.Connections() == 0 })
}

// ask says something and wants an answer and the end.
func ask(t *testing.T, peer net.Conn, say, want string) {
	t.Helper()
	_, _ = io.WriteString(peer, say)
	if got, err := io.ReadAll(peer); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	peer.Close()
}

// TestTheCapForConnectionsFromElsewhere: those that are accepted beyond it are told so, those that are taken stay the caller's.
func TestTheCapForConnectionsFromElsewhere(t *testing.T) {
	e := startNowhere(t, 1)
	inside, first := accepted(t)
	if err := e.Accept(inside); err != nil {
		t.Fatal(err)
	}
	nc, peer := accepted(t)
	if err := e.Accept(nc); err != nil {
		t.Fatal(err)
	}
	ask(t, peer, "hello", "full")

	nc, peer = accepted(t)
	if err := e.Loops()[0].Take(nc, nil, nil); !errors.Is(err, ErrFull) {
		t.Fatalf("Take = %v, want ErrFull", err)
	}
	_, _ = io.WriteString(nc, "no room")
	nc.Close()
	ask(t, peer, "", "no room")

	ask(t, first, "hello", "new hello of "+first.LocalAddr().String())
	eventually(t, "all are gone", func() bool { return e.Connections() == 0 && e.shared.refusals.Load() == 0 })
}

// TestWhatIsNoSocket cannot be taken.
func TestWhatIsNoSocket(t *testing.T) {
	e := startNowhere(t, 1)
	near, far := net.Pipe()
	if err := e.Loops()[0].Take(near, nil, nil); !errors.Is(err, ErrNoSocket) {
		t.Errorf("Take = %v, want ErrNoSocket", err)
	}
	go func() { _, _ = io.WriteString(near, "still mine") }()
	got := make([]byte, len("still mine"))
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "still mine" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := e.Accept(near); !errors.Is(err, ErrNoSocket) {
		t.Errorf("Accept = %v, want ErrNoSocket", err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("what was not accepted is not closed: %v", err)
	}
}

// TestConnectionsForAnEngineThatStops are closed.
func TestConnectionsForAnEngineThatStops(t *testing.T) {
	e := startNowhere(t, 1)
	e.draining.Store(true)
	nc, peer := accepted(t)
	if err := e.Loops()[0].Take(nc, nil, nil); !errors.Is(err, ErrShutdown) {
		t.Errorf("Take = %v, want ErrShutdown", err)
	}
	ask(t, peer, "", "")
	nc, peer = accepted(t)
	if err := e.Accept(nc); err != nil {
		t.Fatal(err)
	}
	ask(t, peer, "hello", "full")
	eventually(t, "nobody is counted", func() bool { return e.Connections() == 0 && e.shared.refusals.Load() == 0 })
}
