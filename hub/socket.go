package hub

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"starling/eventloop"
	"starling/hub/internal/rooms"
	"starling/hub/internal/session"
	"starling/wsproto/socketio"
)

// Socket is one client's connection to one namespace. It is a handle: any goroutine may keep and use it, also after the
// socket has disconnected, when all that it sends is lost.
//
// What concerns the socket is done by its loop, in the order in which any one goroutine asks for it: a Join is in force
// for an Emit behind it.
type Socket struct {
	// Set before anybody else sees the socket.
	id     string
	nsp    *Namespace
	client *client
	auth   []byte

	// Owned by the loop.
	state   socketState
	held    uint16 // what OnLoop events have to wait for: OnConnect, and OnLoop events before them that do
	acks    map[uint64]*pendingAck
	members rooms.Memberships[*Socket]

	// For any goroutine.
	gone atomic.Bool // state is disconnected
	mail atomic.Pointer[mailbox]
	data atomic.Pointer[any]
}

// socketState is where a socket is in its life.
type socketState uint8

const (
	connecting socketState = iota // middleware is being asked
	connected
	disconnected
)

// ID is the socket's id: public, of 20 characters, and another one after a reconnection. It is the name of a room that the
// socket alone is in.
func (s *Socket) ID() string { return s.id }

// Namespace is the namespace that the socket is connected to.
func (s *Socket) Namespace() *Namespace { return s.nsp }

// Connected reports whether the socket has not been disconnected, as far as is known.
func (s *Socket) Connected() bool { return !s.gone.Load() }

// Data returns what SetData has attached, nil at first.
func (s *Socket) Data() any {
	if p := s.data.Load(); p != nil {
		return *p
	}
	return nil
}

// SetData attaches a value of the application's to the socket.
func (s *Socket) SetData(v any) { s.data.Store(&v) }

// Auth decodes the auth payload that the client has connected with into what v points to; it is an empty object when the
// client gave none.
func (s *Socket) Auth(v any) error {
	auth := s.auth
	if len(auth) == 0 {
		auth = []byte("{}")
	}
	return socketio.Bind(auth, nil, v)
}

// Emit sends an event to the client. See [BroadcastOperator.Emit] for arguments and errors. On a socket that is
// disconnected it returns ErrDisconnected.
func (s *Socket) Emit(event string, args ...any) error { return s.emit(event, args, false) }

// EmitVolatile is Emit for an event that may be lost: it is if the client does not keep up.
func (s *Socket) EmitVolatile(event string, args ...any) error { return s.emit(event, args, true) }

func (s *Socket) emit(event string, args []any, volatile bool) error {
	if s.gone.Load() {
		return ErrDisconnected
	}
	m := &message{socket: s, volatile: volatile}
	buf, buffers, err := socketio.AppendEvent(session.BeginMessage(make([]byte, 0, messageBytes)), s.nsp.name, 0, false, event, args)
	if err != nil {
		return err
	}
	m.Prepare(buf, buffers)
	return s.post(m)
}

// post hands a task to the socket's loop.
func (s *Socket) post(t eventloop.Task) error {
	if !s.client.shard.loop.Post(t) {
		return ErrOverloaded
	}
	return nil
}

// To aims at the members of the given rooms, without this socket. See [BroadcastOperator.To].
func (s *Socket) To(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) BroadcastOperator { return s.To(rooms...) }

// Except aims at everyone in the namespace but this socket and the members of the given rooms.
func (s *Socket) Except(rooms ...string) BroadcastOperator { return s.Broadcast().Except(rooms...) }

// Broadcast aims at everyone in the namespace but this socket.
func (s *Socket) Broadcast() BroadcastOperator { return s.nsp.Except(s.id) }

// Join puts the socket into rooms. It returns ErrRoomName, and joins none, if a name is empty or longer than
// RoomBytesMax, and ErrOverloaded. On a socket that is disconnected it does nothing.
func (s *Socket) Join(rooms ...string) error {
	rooms, err := ownRooms(rooms)
	if err != nil {
		return err
	}
	return s.onIndex(func(x *index) {
		for _, room := range rooms {
			x.Join(s, room)
		}
	})
}

// Leave takes the socket out of rooms; errors are those of Join. It cannot leave the room of its own id.
func (s *Socket) Leave(rooms ...string) error {
	rooms, err := ownRooms(rooms)
	if err != nil {
		return err
	}
	return s.onIndex(func(x *index) {
		for _, room := range rooms {
			x.Leave(s, room)
		}
	})
}

// ownRooms checks and copies names of rooms.
func ownRooms(rooms []string) ([]string, error) {
	for _, room := range rooms {
		if room == "" || len(room) > RoomBytesMax {
			return nil, ErrRoomName
		}
	}
	return slices.Clone(rooms), nil
}

// LeaveAll takes the socket out of all rooms but that of its own id.
func (s *Socket) LeaveAll() error {
	return s.onIndex(func(x *index) { x.LeaveAll(s) })
}

// index is the index of a namespace on a loop.
type index = rooms.Index[*Socket]

// onIndex changes the rooms of the socket on its loop. What a middleware asks for comes into force when the socket is
// connected.
func (s *Socket) onIndex(change func(*index)) error {
	return s.post(eventloop.TaskFunc(func(*eventloop.Loop) { s.changeRooms(change) }))
}

func (s *Socket) changeRooms(change func(*index)) {
	switch s.state {
	case connected:
		change(s.client.shard.space(s.nsp).index)
	case connecting:
		s.client.shard.early[s] = append(s.client.shard.early[s], change)
	}
}

// Rooms returns the names of the rooms that the socket is in, sorted, its id among them; none once it is disconnected. It
// asks the loop and waits: not for OnLoop handlers, which would wait for themselves. The error is ctx's or ErrOverloaded.
func (s *Socket) Rooms(ctx context.Context) ([]string, error) {
	answer := make(chan []string, 1)
	err := s.post(eventloop.TaskFunc(func(*eventloop.Loop) {
		if s.state != connected {
			answer <- nil
			return
		}
		answer <- slices.Sorted(func(yield func(string) bool) {
			if yield(s.id) {
				s.members.Names(yield)
			}
		})
	}))
	if err != nil {
		return nil, err
	}
	select {
	case names := <-answer:
		return names, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.nsp.server.stopped:
		return nil, ErrDisconnected
	}
}

// Disconnect has the socket leave its namespace. With closeConnection the client's connection ends too, and with it its
// sockets in other namespaces. The client sees "io server disconnect" and does not come back by itself.
func (s *Socket) Disconnect(closeConnection bool) {
	s.client.shard.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { s.client.disconnect(s, closeConnection) }))
}

// Memberships is part of rooms.Member; it belongs to the loop.
func (s *Socket) Memberships() *rooms.Memberships[*Socket] { return &s.members }

// Handshake is what the client's connection began with.
type Handshake struct {
	Time    time.Time           // when the connection became a session
	Address string              // the client's address and port, as far as TrustedProxies tell it
	URL     string              // the request target, query included
	Header  map[string][]string // keys in canonical form, as in net/http
}

// Handshake returns what the connection began with. It is empty once Options.ForgetHandshake has taken effect. Each call
// parses the request anew.
func (s *Socket) Handshake() Handshake { return s.client.handshake() }
