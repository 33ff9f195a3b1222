// Socketio is github.com/zishang520/socket.io, a Socket.IO server with goroutines for each connection, with as many of starling
// roomapp's events as the bench uses.
package main

import (
	"net"
	"net/http"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"starling-bench-peers/internal/peer"
)

func main() {
	peer.Main(func(l net.Listener) error {
		return http.Serve(l, newServer().ServeHandler(nil))
	})
}

// newServer makes a server with the options' defaults, which are those of Socket.IO for Node.js.
func newServer() *socket.Server {
	opts := socket.DefaultServerOptions()
	opts.SetCors(&types.Cors{Origin: "*"})
	io := socket.NewServer(nil, opts)
	io.On("connection", func(args ...any) { serve(io, args[0].(*socket.Socket)) })
	return io
}

func serve(io *socket.Server, s *socket.Socket) {
	s.On("echo", echo(s))
	s.On("work", echo(s))
	s.On("join", withRoom(func(room socket.Room, _ []any) { s.Join(room) }))
	s.On("leave", withRoom(func(room socket.Room, _ []any) { s.Leave(room) }))
	s.On("room", withRoom(func(room socket.Room, values []any) {
		s.To(room).Emit("room", append([]any{room}, values...)...)
	}))
	// A socket is alone in the room of its id.
	s.On("direct", withRoom(func(id socket.Room, values []any) {
		io.To(id).Emit("direct", append([]any{s.Id()}, values...)...)
	}))
}

// withRoom is an event whose first argument is a room.
func withRoom(do func(room socket.Room, values []any)) func(...any) {
	return func(args ...any) {
		values, ack := splitAck(args)
		if len(values) == 0 {
			return
		}
		name, ok := values[0].(string)
		if !ok {
			return
		}
		do(socket.Room(name), values[1:])
		if ack != nil {
			ack([]any{"ok"}, nil)
		}
	}
}

// echo has the arguments come back: as the acknowledgement if one is wanted, else as an event of the same name.
func echo(s *socket.Socket) func(...any) {
	return func(args ...any) {
		if values, ack := splitAck(args); ack != nil {
			ack(values, nil)
		} else {
			s.Emit("echo", values...)
		}
	}
}

// splitAck takes an event's arguments apart from the acknowledgement, which comes last if one is wanted.
func splitAck(args []any) (values []any, ack socket.Ack) {
	if last := len(args) - 1; last >= 0 {
		if ack, wanted := args[last].(socket.Ack); wanted {
			return args[:last], ack
		}
	}
	return args, nil
}
