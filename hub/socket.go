package hub

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"starling/eventloop"
	"starling/hub/internal/recovery"
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

	// Owned by the loop.
	state   socketState
	held    uint16 // what OnLoop events have to wait for: OnConnect, and OnLoop events before them that do
	acks    map[uint64]awaited
	members rooms.Memberships[*Socket]
	kept    *kept // what outlives the connection; nil without Options.Recovery

	// For any goroutine.
	known atomic.Uint32 // state, as others may know it
	queue queue
	data  atomic.Pointer[any]
	auth  atomic.Pointer[[]byte] // nil if there is none, or it is forgotten
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

// Connected reports whether the socket is connected, as far as is known. It is not yet while middleware is being asked.
func (s *Socket) Connected() bool { return s.known.Load() == uint32(connected) }

// Gone reports whether the socket has been disconnected, as far as is known, or its client has left before it was connected: what
// takes long in a middleware may as well be given up then. Any goroutine.
func (s *Socket) Gone() bool { return s.known.Load() == uint32(disconnected) }

// become changes the state, on the loop.
func (s *Socket) become(state socketState) {
	s.state = state
	s.known.Store(uint32(state))
}

// Data returns what SetData has attached, nil at first.
func (s *Socket) Data() any {
	if p := s.data.Load(); p != nil {
		return *p
	}
	return nil
}

// SetData attaches a value of the application's to the socket.
func (s *Socket) SetData(v any) { s.data.Store(&v) }

// Recovered reports whether the socket has come back after a disconnection, with its id, its rooms, its data, and all
// that it has missed; see Options.Recovery. It is known when OnConnect is called.
func (s *Socket) Recovered() bool { return s.kept != nil && s.kept.recovered }

// Auth decodes the auth payload that the client has connected with into what v points to; it is an empty object when the
// client gave none, and once Options.ForgetHandshake has taken effect.
func (s *Socket) Auth(v any) error {
	auth := s.auth.Load()
	if auth == nil {
		return socketio.Bind([]byte("{}"), nil, v)
	}
	return s.nsp.server.bind(*auth, v)
}

// Emit sends an event to the client. See [BroadcastOperator.Emit] for arguments and errors. On a socket that is
// disconnected it returns ErrDisconnected.
func (s *Socket) Emit(event string, args ...any) error { return s.emit(event, args, false) }

// EmitVolatile is Emit for an event that may be lost: it is if the client does not keep up.
func (s *Socket) EmitVolatile(event string, args ...any) error { return s.emit(event, args, true) }

func (s *Socket) emit(event string, args []any, volatile bool) error {
	if s.Gone() {
		return ErrDisconnected
	}
	p, err := s.nsp.encodeEvent(ackID{}, event, args)
	if err != nil {
		return err
	}
	return s.send(p, volatile)
}

// send sends an event to the client.
func (s *Socket) send(p packet, volatile bool) error {
	if s.nsp.journal == nil || volatile {
		m := &message{socket: s, volatile: volatile, event: true}
		p.prepare(s.nsp, &m.Prepared)
		return s.post(m)
	}
	if s.client.shard.loop.Full() {
		return ErrOverloaded
	}
	m := &keptMessage{message: message{socket: s, event: true}}
	field := p.prepareToKeep(s.nsp, &m.Prepared)
	s.nsp.journal.Record(recovery.Aim{Rooms: []string{s.id}}, p.size(), func(at recovery.Position, offset recovery.Offset) *session.Prepared {
		m.position = at
		copy(field, offset[:])
		s.client.shard.loop.PostAlways(m)
		return &m.Prepared
	})
	return nil
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

// Self aims at this socket alone, for what Emit and EmitWithAck have no way to say: Compress and Timeout.
func (s *Socket) Self() BroadcastOperator { return s.nsp.To(s.id).Local() }

// Join puts the socket into rooms, soon: whatever the same goroutine asks for next, an Emit or an Ack, comes after it; what
// others ask for, and Namespace.RoomSize, may come before. It returns ErrRoomName, and joins none, if a name is empty or longer than
// RoomBytesMax, and ErrOverloaded. On a socket that is disconnected it does nothing.
func (s *Socket) Join(rooms ...string) error {
	rooms, err := ownRooms(rooms)
	if err != nil {
		return err
	}
	return s.onIndex(func(sp *space) {
		for _, room := range rooms {
			sp.join(s, room)
		}
	})
}

// Leave takes the socket out of rooms; errors are those of Join. It cannot leave the room of its own id.
func (s *Socket) Leave(rooms ...string) error {
	rooms, err := ownRooms(rooms)
	if err != nil {
		return err
	}
	return s.onIndex(func(sp *space) {
		for _, room := range rooms {
			sp.leave(s, room)
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
	return s.onIndex(func(sp *space) { sp.leaveAll(s) })
}

// onIndex changes the rooms of the socket on its loop. What a middleware asks for comes into force when the socket is
// connected.
func (s *Socket) onIndex(change func(*space)) error {
	return s.post(taskFunc(func() { s.changeRooms(change) }))
}

func (s *Socket) changeRooms(change func(*space)) {
	switch s.state {
	case connected:
		change(s.client.shard.space(s.nsp))
	case connecting:
		s.client.shard.early[s] = append(s.client.shard.early[s], change)
	}
}

// roomNames returns the rooms that the socket is in, in no order, without its id but with room for it. It belongs to the loop.
func (s *Socket) roomNames() []string {
	return slices.AppendSeq(make([]string, 0, s.members.Len()+1), s.members.Names)
}

// Rooms returns the names of the rooms that the socket is in, sorted, its id among them; none once it is disconnected. It
// asks the loop and waits: not for OnLoop handlers, which would wait for themselves. The error is ctx's, ErrOverloaded, or
// ErrShutdown.
func (s *Socket) Rooms(ctx context.Context) ([]string, error) {
	return ask(ctx, s.client.shard, func() []string {
		if s.state != connected {
			return nil
		}
		names := append(s.roomNames(), s.id)
		slices.Sort(names)
		return names
	})
}

// Disconnect has the socket leave its namespace. With closeConnection the client's connection ends too, and with it its
// sockets in other namespaces. The client sees "io server disconnect" and does not come back by itself.
func (s *Socket) Disconnect(closeConnection bool) {
	s.client.shard.loop.PostAlways(taskFunc(func() { s.client.disconnect(s, closeConnection) }))
}

// Memberships is part of rooms.Member; it belongs to the loop.
func (s *Socket) Memberships() *rooms.Memberships[*Socket] { return &s.members }

// Handshake is what the client's connection began with.
type Handshake struct {
	Time    time.Time           // when the connection became a session
	Address string              // the client's address and port, as far as TrustedProxies tell it
	URL     string              // the request target, query included
	Host    string              // the Host header, which Header has not
	Header  map[string][]string // keys in canonical form, as in net/http
}

// Handshake returns what the connection began with. It is empty once Options.ForgetHandshake has taken effect. Each call
// parses the request anew.
func (s *Socket) Handshake() Handshake { return s.nsp.server.handshake(s.client.origin.Load()) }
