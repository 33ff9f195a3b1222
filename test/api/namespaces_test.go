package api_test

import (
	"errors"
	"testing"
	"time"

	"starling/hub"
)

// TestOf: a name is the same with and without its slash, and stands for one namespace.
func TestOf(t *testing.T) {
	t.Parallel()
	s := hub.New(hub.Options{})
	for _, row := range []struct {
		name string
		a, b *hub.Namespace
	}{
		{"a name without a slash", s.Of("chat"), s.Of("/chat")},
		{"no name", s.Of(""), s.Of("/")},
		{"the server's own", s.Namespace, s.Of("/")},
	} {
		if row.a != row.b {
			t.Errorf("%s: %s and %s are two", row.name, row.a.Name(), row.b.Name())
		}
	}
	want(t, "the name of chat", s.Of("chat").Name(), "/chat")
	want(t, "the name of the main namespace", s.Name(), "/")
}

// TestNamespaces: one connection has a socket in each namespace that it asks for, and each is reached as its own.
func TestNamespaces(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			for _, name := range []string{"/", "/chat", "/news/today"} {
				n := s.Of(name)
				n.On("where", func(s *hub.Socket, e *hub.Event) { ok(t, e.Ack(name, s.Namespace().Name(), s.ID())) })
				n.On("sync", acked)
			}
		})
		p := dial(t, s, k)
		seen := map[string]bool{}
		for _, name := range []string{"/chat", "/news/today", "/"} { // the main one need not be the first
			id := p.connect(name, "")
			if seen[id] {
				t.Errorf("two sockets have the id %s", id)
			}
			seen[id] = true
			p.send("42" + inside(name) + `3["where"]`)
			if got, want := p.packet(), "43"+inside(name)+`3["`+name+`","`+name+`","`+id+`"]`; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		ok(t, s.Of("/chat").Emit("a", 1), s.Emit("b", 2), s.Of("/news/today").Emit("c", 3))
		p.expect(`42/chat,["a",1]`, `42["b",2]`, `42/news/today,["c",3]`)
		p.send("41/chat,")
		p.settled("/")
		ok(t, s.Of("/chat").Emit("gone"), s.Of("/news/today").Emit("here"))
		p.expect(`42/news/today,["here"]`)
		p.connect("/chat", "") // and it may come back
		p.settled("/chat")
	})
}

// TestClientsAreNotMixedUp: two clients of one namespace are two sockets.
func TestClientsAreNotMixedUp(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		a, b := join(t, s, k), join(t, s, k)
		for i, p := range []*peer{a, b} {
			socket := receive(t, connected)
			if socket.ID() != p.id {
				t.Fatalf("socket %d has the id %s, its client was told %s", i, socket.ID(), p.id)
			}
			ok(t, socket.Emit("you are", i))
		}
		a.expect(`42["you are",0]`)
		b.expect(`42["you are",1]`)
	})
}

// TestNamesOnTheWire: how a namespace may be written in a CONNECT. A query is part of the name: clients of this protocol
// take it out before they send, and the reference server does not look for one either.
func TestNamesOnTheWire(t *testing.T) {
	type row struct{ name, packet, answer string }
	rows(t, []row{
		{"the main one by nothing", `40`, `40{"sid":"<id>"}`},
		{"the main one by its name", `40/,`, `40{"sid":"<id>"}`},
		{"with a comma", `40/chat,`, `40/chat,{"sid":"<id>"}`},
		{"without a comma", `40/chat`, `40/chat,{"sid":"<id>"}`},
		{"with a payload", `40/chat,{"token":"1"}`, `40/chat,{"sid":"<id>"}`},
		{"below another", `40/chat/room,`, `40/chat/room,{"sid":"<id>"}`},
		{"nobody's", `40/elsewhere,`, `44/elsewhere,{"message":"Invalid namespace"}`},
		{"only like another", `40/cha,`, `44/cha,{"message":"Invalid namespace"}`},
		{"with a slash behind it", `40/chat/,`, `44/chat/,{"message":"Invalid namespace"}`},
		{"with a query", `40/chat?token=1,`, `44/chat?token=1,{"message":"Invalid namespace"}`},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) { s.Of("/chat"); s.Of("/chat/room") })
		p := dial(t, s, k)
		p.send(r.packet)
		p.expect(r.answer)
		if r.packet[:2] == r.answer[:2] {
			return
		}
		p.connect("/", "") // a refusal is not the end of the connection
		p.settled("/")
	})
}

// TestDisconnectInAllNamespaces: what ends the connection ends all sockets of it, once each.
func TestDisconnectInAllNamespaces(t *testing.T) {
	type row struct {
		name   string
		end    func(p *peer, chat *hub.Socket)
		told   []string // what the client hears before the end, in any order
		reason map[string]hub.Reason
	}
	closed := map[string]hub.Reason{"/": hub.ReasonTransportClose, "/chat": hub.ReasonTransportClose}
	sent := map[string]hub.Reason{"/": hub.ReasonServerNamespaceDisconnect, "/chat": hub.ReasonServerNamespaceDisconnect}
	rows(t, []row{
		{"the client goes", func(p *peer, _ *hub.Socket) { p.hungUp() }, nil, closed},
		{"the server closes", func(_ *peer, chat *hub.Socket) { chat.Disconnect(true) }, []string{"41", "41/chat,"}, sent},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		var chats <-chan *hub.Socket
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			chats = sockets(s.Of("/chat"))
			for name := range r.reason {
				s.Of(name).OnDisconnect(func(s *hub.Socket, reason hub.Reason) { noted.add("%s %s", name, reason) })
			}
		})
		p := join(t, s, k)
		p.connect("/chat", "")
		r.end(p, receive(t, chats))
		noted.expectInAnyOrder(t, "/ "+string(r.reason["/"]), "/chat "+string(r.reason["/chat"]))
		told := newNotes()
		for range r.told {
			told.add("%s", p.packet())
		}
		told.expectInAnyOrder(t, r.told...)
		if r.told != nil {
			p.ended()
		}
	})
}

// TestConnectTimeout: a client that asks for no namespace in time is disconnected, one that did so once is not.
func TestConnectTimeout(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{ConnectTimeout: later}, func(s *hub.Server) { s.Of("/other").On("sync", acked) })
		idle, refused, joined := dial(t, s, k), dial(t, s, k), dial(t, s, k)
		joined.connect("/other", "")
		refused.send("40/nowhere,")
		refused.expect(`44/nowhere,{"message":"Invalid namespace"}`)
		idle.ended()
		refused.ended()
		joined.settled("/other")
	})
}

// TestReservedEvents can be neither emitted nor handled, and a client that sends one is disconnected.
func TestReservedEvents(t *testing.T) {
	names := []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		p := join(t, s, k)
		socket := receive(t, connected)
		for _, name := range names {
			_, withAck := socket.EmitWithAck(t.Context(), name)
			_, broadcastWithAck := s.Timeout(time.Second).EmitWithAck(t.Context(), name)
			for way, err := range map[string]error{
				"the server's Emit": s.Emit(name), "a room's": s.To("r").Emit(name), "a socket's": socket.Emit(name),
				"EmitVolatile": socket.EmitVolatile(name), "EmitWithAck": withAck, "a broadcast's EmitWithAck": broadcastWithAck,
				"EmitAck": socket.EmitAck(0, name, func(*hub.Reply, error) { t.Errorf("%s was sent", name) }),
			} {
				if !errors.Is(err, hub.ErrReservedEvent) {
					t.Errorf("%s of %s: %v, want ErrReservedEvent", way, name, err)
				}
			}
		}
		p.settled("/")
		for _, name := range names {
			bad := join(t, s, k)
			bad.send(`42["` + name + `"]`)
			bad.ended()
		}
	})
}
