package api_test

import (
	"errors"
	"testing"

	"starling/hub"
)

// TestMiddleware: those of the namespace are asked, in their order, and the client is in when all have agreed.
func TestMiddleware(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			for _, name := range []string{"/", "/chat"} {
				for _, which := range []string{"first", "second", "third"} {
					s.Of(name).Use(func(*hub.Socket) error { noted.add("%s in %s", which, name); return nil })
				}
				s.Of(name).OnConnect(func(*hub.Socket) { noted.add("connected in %s", name) })
			}
		})
		p := dial(t, s, k)
		p.connect("/chat", "")
		noted.expect(t, "first in /chat", "second in /chat", "third in /chat", "connected in /chat")
		p.connect("/", "")
		noted.expect(t, "first in /", "second in /", "third in /", "connected in /")
	})
}

// TestMiddlewareRefuses: the first error is what the client is told, with its data, and nobody else is asked.
func TestMiddlewareRefuses(t *testing.T) {
	type row struct {
		name   string
		err    error
		answer string
	}
	rows(t, []row{
		{"by an error", errors.New("Authentication error"), `{"message":"Authentication error"}`},
		{
			"with data", &hub.ConnectError{Message: "Authentication error", Data: []any{map[string]any{"a": "b"}, 3}},
			`{"message":"Authentication error","data":[{"a":"b"},3]}`,
		},
		{"with a string", &hub.ConnectError{Message: "m", Data: "d"}, `{"message":"m","data":"d"}`},
		{"with nothing", &hub.ConnectError{Message: "m"}, `{"message":"m"}`},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			for _, n := range []*hub.Namespace{s.Namespace, s.Of("/chat")} {
				n.Use(func(s *hub.Socket) error {
					noted.add("first")
					return r.err
				})
				n.Use(func(*hub.Socket) error { noted.add("second"); return nil })
				n.OnConnect(func(*hub.Socket) { noted.add("connected") })
				n.OnDisconnect(func(*hub.Socket, hub.Reason) { noted.add("disconnected") })
			}
		})
		p := dial(t, s, k)
		p.send("40")
		p.expect("44" + r.answer)
		p.send("40/chat,")
		p.expect("44/chat," + r.answer)
		noted.expect(t, "first", "first")
		p.send("40") // the connection is there to try again
		p.expect("44" + r.answer)
		noted.expect(t, "first")
		noted.none(t)
	})
}

// TestSocketInMiddleware: what a middleware finds and leaves at the socket is what OnConnect finds; the socket is connected
// only then.
func TestSocketInMiddleware(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted, ids := newNotes(), make(chan string, 2)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Use(func(s *hub.Socket) error {
				var auth struct{ Token string }
				ok(t, s.Auth(&auth), s.Join("by the middleware"))
				noted.add("in the middleware: %s, URL %t, connected %v", auth.Token, s.Handshake().URL != "", s.Connected())
				s.SetData("guillermo")
				ids <- s.ID()
				return nil
			})
			s.OnConnect(func(s *hub.Socket) {
				noted.add("then: %v, connected %v, %s", s.Data(), s.Connected(), roomsOf(t, s))
				ids <- s.ID()
			})
		})
		p := dial(t, s, k)
		p.connect("/", `{"token":"123"}`)
		noted.expect(t, "in the middleware: 123, URL true, connected false", "then: guillermo, connected true, [by the middleware]")
		for range 2 {
			want(t, "the id", receive(t, ids), p.id)
		}
	})
}

// TestMiddlewareThatTakesItsTime: the client waits for it, and other clients do not.
func TestMiddlewareThatTakesItsTime(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		entered, release := make(chan struct{}), make(chan struct{})
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Of("/slow").Use(func(*hub.Socket) error { close(entered); <-release; return nil })
			s.Of("/slow").On("sync", acked)
		})
		p, other := dial(t, s, k), dial(t, s, k)
		p.send("40/slow,")
		receive(t, entered)
		other.connect("/", "")
		other.settled("/")
		p.connect("/", "") // and nor does the same client elsewhere
		p.settled("/")
		close(release)
		p.connected("/slow")
		p.settled("/slow")
	})
}

// TestClientGoneInMiddleware: nobody hears of a socket that was never in, and nothing is left of it.
func TestClientGoneInMiddleware(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted, waiting, release := newNotes(), make(chan *hub.Socket), make(chan struct{})
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Use(func(s *hub.Socket) error {
				ok(t, s.Join("room"))
				waiting <- s
				<-release
				noted.add("decided")
				return nil
			})
			s.OnConnect(func(*hub.Socket) { noted.add("connected") })
			s.OnDisconnect(func(*hub.Socket, hub.Reason) { noted.add("disconnected") })
		})
		p := dial(t, s, k)
		p.send("40")
		socket := receive(t, waiting)
		p.hungUp()
		eventually(t, "an emit to the socket fails", func() bool { return errors.Is(socket.Emit("x"), hub.ErrDisconnected) })
		close(release)
		noted.expect(t, "decided")
		want(t, "its rooms", roomsOf(t, socket), "[]")
		noted.none(t)
		want(t, "the number of rooms", s.RoomsCount(), 0)
		want(t, "the number of sockets", s.SocketsCount(), 0)
	})
}

// TestEmitAndDisconnectInMiddleware: what is emitted to a socket that is not in yet is lost, and one that is disconnected is
// refused. The reference server sends the former when the socket is in, and does nothing about the latter.
func TestEmitAndDisconnectInMiddleware(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Use(func(s *hub.Socket) error { return errors.Join(s.Emit("lost"), s.Namespace().Emit("for others")) })
			s.Use(func(s *hub.Socket) error {
				if refuseOnDemand(s) != nil {
					s.Disconnect(false)
				}
				return nil
			})
		})
		p := dial(t, s, k)
		p.send(`40{"refuse":true}`)
		p.expect(`44{"message":"disconnected"}`)
		p.connect("/", "")
		p.settled("/")
		want(t, "the number of sockets", s.SocketsCount(), 1)
	})
}

// TestRefusedSocketLeavesItsRooms: what a middleware had it join before another one refused it.
func TestRefusedSocketLeavesItsRooms(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Use(func(s *hub.Socket) error { return s.Join("room1") })
			s.Use(func(s *hub.Socket) error { return errors.New("nope") })
			s.Of("/other").On("sync", acked)
		})
		p := dial(t, s, k)
		p.send("40")
		p.expect(`44{"message":"nope"}`)
		ok(t, s.To("room1").Emit("nobody is there"))
		p.connect("/other", "")
		p.settled("/other")
		want(t, "the number of rooms", s.RoomsCount(), 0)
		want(t, "the size of the room", s.RoomSize("room1"), 0)
	})
}
