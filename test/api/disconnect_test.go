package api_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"starling/hub"
)

// TestDisconnect: each way for a socket to end has its reason; it is told once before and once behind the loss of the
// rooms.
func TestDisconnect(t *testing.T) {
	type row struct {
		name string
		end  func(t *testing.T, p *peer, s *hub.Socket)
		want hub.Reason
	}
	rows(t, []row{
		{"the client leaves", func(_ *testing.T, p *peer, _ *hub.Socket) { p.send("41") }, hub.ReasonClientNamespaceDisconnect},
		{"the client hangs up", func(_ *testing.T, p *peer, _ *hub.Socket) { p.hungUp() }, hub.ReasonTransportClose},
		{"the client vanishes", func(t *testing.T, p *peer, _ *hub.Socket) { ok(t, p.vanish()) }, hub.ReasonTransportError},
		{"the client sends nonsense", func(_ *testing.T, p *peer, _ *hub.Socket) { p.send("4abc"); p.ended() }, hub.ReasonForcedClose},
		{"the client's Engine.IO sends nonsense", func(_ *testing.T, p *peer, _ *hub.Socket) { _ = p.write("7") }, hub.ReasonParseError},
		{"Disconnect", func(_ *testing.T, p *peer, s *hub.Socket) { s.Disconnect(false); p.expect("41") }, hub.ReasonServerNamespaceDisconnect},
		{"Disconnect with the connection", func(_ *testing.T, p *peer, s *hub.Socket) {
			s.Disconnect(true)
			p.expect("41")
			p.ended()
		}, hub.ReasonServerNamespaceDisconnect},
		{"Disconnect often", func(_ *testing.T, p *peer, s *hub.Socket) {
			s.Disconnect(false)
			s.Disconnect(false)
			s.Disconnect(true)
			p.expect("41")
		}, hub.ReasonServerNamespaceDisconnect},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		noted, connected := newNotes(), (<-chan *hub.Socket)(nil)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.OnDisconnecting(func(_ *hub.Socket, reason hub.Reason, rooms []string) {
				slices.Sort(rooms)
				noted.add("disconnecting: %s, %q", reason, rooms)
			})
			s.OnDisconnect(func(s *hub.Socket, reason hub.Reason) {
				noted.add("disconnected: %s, %s, connected %v", reason, roomsOf(t, s), s.Connected())
			})
		})
		p := join(t, s, k)
		socket := receive(t, connected)
		ok(t, socket.Join("a", "b"))
		_ = roomsOf(t, socket)
		r.end(t, p, socket)
		noted.expect(t,
			fmt.Sprintf(`disconnecting: %s, ["a" "b"]`, r.want), fmt.Sprintf("disconnected: %s, [], connected false", r.want))
		if err := socket.Emit("x"); err == nil {
			t.Error("a socket that is gone takes an emit")
		}
		want(t, "the number of sockets", s.SocketsCount(), 0)
		noted.none(t)
	})
}

// TestPingTimeout: a client that answers no ping is given up, whether it polls or not.
func TestPingTimeout(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		gone := make(chan hub.Reason, 1)
		s := start(t, k, hub.Options{PingInterval: later, PingTimeout: soon}, func(s *hub.Server) {
			s.OnDisconnect(func(_ *hub.Socket, reason hub.Reason) { gone <- reason })
		})
		p := join(t, s, k)
		p.expect("2")
		want(t, "the reason", receive(t, gone), hub.ReasonPingTimeout)
	})
}

// TestConnectionOutlivesTheSocket: who was disconnected from a namespace may come back to it on the same connection, as
// another socket, and stays in the others meanwhile.
func TestConnectionOutlivesTheSocket(t *testing.T) {
	type row struct {
		name string
		end  func(p *peer, s *hub.Socket)
	}
	rows(t, []row{
		{"by the server", func(p *peer, s *hub.Socket) { s.Disconnect(false); p.expect("41") }},
		{"by the client", func(p *peer, _ *hub.Socket) { p.send("41") }},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.Of("/other").On("sync", acked)
		})
		p := join(t, s, k)
		p.connect("/other", "")
		first := receive(t, connected)
		r.end(p, first)
		p.settled("/other")
		if id := p.connect("/", ""); id == first.ID() {
			t.Error("the same id again")
		}
		if again := receive(t, connected); again == first || !again.Connected() || first.Connected() {
			t.Errorf("the socket that came back: %v, connected %v; the first: connected %v", again == first, again.Connected(), first.Connected())
		}
		p.settled("/")
	})
}

// TestEventsAroundALeave: what the client has sent before it leaves is handled, what comes behind is not.
func TestEventsAroundALeave(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.On("test", func(_ *hub.Socket, e *hub.Event) {
				var b []byte
				ok(t, e.Bind(&b))
				noted.add("event %x", b)
			})
			s.OnAny(func(_ *hub.Socket, e *hub.Event) { noted.add("any %s", e.Name()) })
			s.OnDisconnect(func(_ *hub.Socket, reason hub.Reason) { noted.add("%s", reason) })
			s.Of("/other").On("sync", acked)
		})
		p := join(t, s, k)
		p.connect("/other", "")
		event := `451-["test",` + attached + `]`
		p.send(event, "<bin 01>", "41", event, "<bin 02>", `42["test"]`, `430[]`, "41")
		noted.expect(t, "any test", "event 01", "client namespace disconnect")
		p.settled("/other") // and none of it was an offence
		noted.none(t)
	})
}

// TestEmitsBeforeADisconnect arrive, and before its word.
func TestEmitsBeforeADisconnect(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnConnect(func(s *hub.Socket) {
				ok(t, s.Emit("hello"), s.Namespace().Emit("everyone", []byte{1}))
				s.Disconnect(true)
				_ = s.Emit("too late") // its error depends on how far the loop is
			})
		})
		p := join(t, s, k)
		p.expect(`42["hello"]`, `451-["everyone",`+attached+`]`, "<bin 01>", "41")
		p.ended()
	})
}

// TestServerEnds: all sockets hear of it, their clients' connections end, and the address is free.
func TestServerEnds(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s, stop := startServer(t, k, hub.Options{}, func(s *hub.Server) {
			for _, n := range []*hub.Namespace{s.Namespace, s.Of("/other")} {
				n.OnDisconnect(func(s *hub.Socket, reason hub.Reason) { noted.add("%s: %s", s.Namespace().Name(), reason) })
			}
		})
		p := join(t, s, k)
		p.connect("/other", "")
		ok(t, p.ask(), stop())
		noted.expectInAnyOrder(t, "/: server shutting down", "/other: server shutting down")
		if packet, err := p.read(); err == nil && packet != end {
			t.Errorf("the client got %q", packet)
		}
		noted.none(t)
		var lc net.ListenConfig
		l, err := lc.Listen(context.Background(), "tcp", s.Addr().String())
		if err != nil {
			t.Fatalf("the address is still taken: %v", err)
		}
		ok(t, l.Close())
	})
}

// TestServerThatDoesNotListen can be asked anything all the same.
func TestServerThatDoesNotListen(t *testing.T) {
	t.Parallel()
	s := newServer(byWebSocket, hub.Options{})
	ok(t, s.Emit("nobody"), s.To("room").Emit("nobody"), s.SocketsJoin("room"), s.DisconnectSockets(true))
	fetched, err := s.FetchSockets(t.Context())
	ok(t, err)
	want(t, "the number of sockets", len(fetched), 0)
	ok(t, s.Shutdown(t.Context()), s.Shutdown(t.Context()))
	if err := s.Serve(t.Context()); !errors.Is(err, hub.ErrShutdown) {
		t.Errorf("Serve = %v, want ErrShutdown", err)
	}
}

// TestGoodbye: a socket that is gone can still be the one that broadcasts, to the rooms that it was in and to others.
func TestGoodbye(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		c := gather(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnDisconnecting(func(s *hub.Socket, reason hub.Reason, rooms []string) {
				ok(t, s.To(rooms...).Emit("left", s.ID(), reason))
			})
			s.OnDisconnect(func(s *hub.Socket, _ hub.Reason) { ok(t, s.Broadcast().Emit("gone", s.ID())) })
		})
		bob := c.peers["bob"].id
		c.peers["bob"].hungUp()
		delete(c.peers, "bob")
		c.gets(t, "ann cid", `42["left","`+bob+`","transport close"]`, `42["gone","`+bob+`"]`)
		c.gets(t, "dan", `42["gone","`+bob+`"]`)
		for _, name := range []string{"ann", "cid", "dan"} {
			c.peers[name].settled("/")
		}
	})
}
