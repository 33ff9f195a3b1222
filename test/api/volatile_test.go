package api_test

import (
	"testing"
	"time"

	"starling/hub"
)

// volatiles are the ways to emit what may be lost.
var volatiles = []struct {
	name string
	emit func(s *hub.Server, socket *hub.Socket, event string, args ...any) error
}{
	{"to a socket", func(_ *hub.Server, socket *hub.Socket, event string, args ...any) error {
		return socket.EmitVolatile(event, args...)
	}},
	{"to everyone", func(s *hub.Server, _ *hub.Socket, event string, args ...any) error {
		return s.Volatile().Emit(event, args...)
	}},
	{"to a room", func(s *hub.Server, socket *hub.Socket, event string, args ...any) error {
		return s.To(socket.ID()).Volatile().Emit(event, args...)
	}},
}

// TestVolatileArrives at a client that waits for it, whole.
func TestVolatileArrives(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, way := range volatiles {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				var connected <-chan *hub.Socket
				s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
				p := join(t, s, k)
				socket := receive(t, connected)
				came := make(chan [2]string, 1)
				go func() {
					header, _ := p.read()
					bytes, _ := p.read()
					came <- [2]string{header, bytes}
				}()
				// No event tells that a GET waits, so it is emitted until it does.
				for {
					ok(t, way.emit(s, socket, "ev", []byte{1, 2, 3}))
					select {
					case got := <-came:
						want(t, "what came", got, [2]string{`451-["ev",` + attached + `]`, "<bin 010203>"})
						return
					case <-time.After(time.Millisecond):
					}
				}
			})
		}
	})
}

// TestVolatileIsLost where a client that polls has no request waiting; what is not volatile is not, before it and behind
// it. A WebSocket keeps up as long as the kernel takes what is sent: there the reference server loses what is emitted while
// a write is under way, and Starling what is emitted while the connection is blocked.
func TestVolatileIsLost(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, way := range volatiles {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				var connected <-chan *hub.Socket
				s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
				p := join(t, s, k)
				socket := receive(t, connected)
				ok(t, way.emit(s, socket, "volatile", 1), s.Emit("a"), way.emit(s, socket, "volatile", 2), socket.Emit("b"))
				_ = roomsOf(t, socket) // it has come to all of that before the client asks for it
				if k.transport == "polling" {
					p.expect(`42["a"]`, `42["b"]`)
				} else {
					p.expect(`42["volatile",1]`, `42["a"]`, `42["volatile",2]`, `42["b"]`)
				}
				p.settled("/")
			})
		}
	})
}
