package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// endings are all the ways in which a socket may end.
var endings = []struct {
	name string
	opts Options
	end  func(c *peer, socket *Socket)
	want Reason
}{
	{"the client closes in order", Options{}, func(c *peer, _ *Socket) { c.leave() }, ReasonTransportClose},
	{"the client's connection ends", Options{}, func(c *peer, _ *Socket) { _ = c.conn.CloseWrite() }, ReasonTransportClose},
	{"the client's Engine.IO says close", Options{}, func(c *peer, _ *Socket) { c.send("1") }, ReasonTransportClose},
	{"the connection is reset", Options{}, func(c *peer, _ *Socket) { _ = c.conn.SetLinger(0); c.conn.Close() }, ReasonTransportError},
	{"the client breaks the WebSocket protocol", Options{}, func(c *peer, _ *Socket) { c.write([]byte{0x83, 0x80, 0, 0, 0, 0}) }, ReasonTransportError},
	{"the client sends too much", Options{PayloadBytesMax: 100}, func(c *peer, _ *Socket) {
		c.send(`42["n","` + fmt.Sprintf("%0100d", 7) + `"]`)
		c.expectClose(1009)
	}, ReasonTransportError},
	{"the client breaks Engine.IO", Options{}, func(c *peer, _ *Socket) { c.send("7") }, ReasonParseError},
	{"the client breaks Socket.IO", Options{}, func(c *peer, _ *Socket) { c.send("49") }, ReasonForcedClose},
	{"the client answers no ping", Options{PingInterval: 4 * time.Second, PingTimeout: 100 * time.Millisecond}, func(c *peer, _ *Socket) {
		c.expect("2")
		c.expectClose(1005)
	}, ReasonPingTimeout},
	{"the client leaves", Options{}, func(c *peer, _ *Socket) { c.send("41") }, ReasonClientNamespaceDisconnect},
	{"Disconnect", Options{}, func(c *peer, s *Socket) {
		s.Disconnect(false)
		c.expect("41")
	}, ReasonServerNamespaceDisconnect},
	{"Disconnect with the connection", Options{}, func(c *peer, s *Socket) {
		s.Disconnect(true)
		c.expect("41")
		c.expectClose(1005)
	}, ReasonServerNamespaceDisconnect},
	{"Disconnect often", Options{}, func(c *peer, s *Socket) {
		for range 3 {
			s.Disconnect(false)
			s.Disconnect(true)
		}
		c.expect("41")
		c.leave()
	}, ReasonServerNamespaceDisconnect},
}

// TestOnDisconnect: once for each connected socket, whatever ends it, with the reason, after all of its events, and when it
// has left its rooms.
func TestOnDisconnect(t *testing.T) {
	for _, row := range endings {
		t.Run(row.name, func(t *testing.T) {
			noted, entered, release := newNotes(), make(chan struct{}, 2), make(chan struct{})
			var sockets <-chan *Socket
			s := start(t, row.opts, func(s *Server) {
				sockets = firstSocket(s.Namespace)
				s.On("n", func(*Socket, *Event) { entered <- struct{}{}; <-release; noted.add("event") })
				s.OnDisconnect(func(s *Socket, r Reason) {
					names, err := s.Rooms(context.Background())
					noted.add("%s; rooms %q, %v; connected %v; emit: %v", r, names, err, s.Connected(), s.Emit("x"))
				})
			})
			c := dial(t, s, "")
			c.t = t
			c.next()
			c.connect("40")
			socket := receive(t, sockets)
			if err := socket.Join("room"); err != nil {
				t.Fatal(err)
			}
			c.send(`42["n"]`, `42["n"]`)
			receive(t, entered)
			row.end(c, socket)
			eventually(t, "the socket is disconnected", func() bool { return !socket.Connected() })
			noted.none(t)
			close(release)
			noted.expect(t, "event", "event", fmt.Sprintf("%s; rooms [], <nil>; connected false; emit: %v", row.want, ErrDisconnected))
			onLoop(socket, func() {}) // whatever else was to come has come
			noted.none(t)
		})
	}
}

// TestDisconnectOfOneNamespace leaves the others and the connection as they are.
func TestDisconnectOfOneNamespace(t *testing.T) {
	noted := newNotes()
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) {
		sockets = firstSocket(s.Of("/b"))
		s.OnLoop("sync", acked)
		s.OnDisconnect(func(_ *Socket, r Reason) { noted.add("/ %s", r) })
		s.Of("/b").OnDisconnect(func(_ *Socket, r Reason) { noted.add("/b %s", r) })
	})
	c := join(t, s)
	c.connect("40/b,")
	socket := receive(t, sockets)
	emit(t, socket, "before") // what was emitted before the end arrives before it
	socket.Disconnect(false)
	c.expect(`42/b,["before"]`, "41/b,")
	noted.expect(t, "/b server namespace disconnect")
	c.settled()

	c.connect("40/b,")
	if again := receive(t, sockets); again == socket || again.ID() == socket.ID() {
		t.Fatal("the same socket came back")
	} else {
		emit(t, again, "before")
		again.Disconnect(true)
	}
	c.expect(`42/b,["before"]`)
	if both := []string{c.next(), c.next()}; !slices.Contains(both, "41") || !slices.Contains(both, "41/b,") {
		t.Fatalf("got %q, want a goodbye for each namespace", both)
	}
	c.expectClose(1005)
	noted.expectInAnyOrder(t, "/ server namespace disconnect", "/b server namespace disconnect")
}

// TestEmitToASocketThatIsGone says so, once that is known.
func TestEmitToASocketThatIsGone(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	c := join(t, s)
	socket := receive(t, sockets)
	c.leave()
	eventually(t, "the socket is disconnected", func() bool { return !socket.Connected() })
	for way, err := range map[string]error{"Emit": socket.Emit("x"), "EmitVolatile": socket.EmitVolatile("x")} {
		if !errors.Is(err, ErrDisconnected) {
			t.Errorf("%s = %v", way, err)
		}
	}
	emit(t, s.To(socket.ID()), "nobody")
	emit(t, socket.Broadcast(), "nobody")
	socket.Disconnect(true)
	if err := socket.Leave("x"); err != nil {
		t.Error(err)
	}
}
