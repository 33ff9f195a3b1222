package hub

import (
	"slices"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/wsproto/socketio"
)

// messageBytes is the capacity that an outgoing packet begins with.
const messageBytes = 128

// BroadcastOperator says who gets a broadcast. It is a value that never changes: each method returns a new one, so one may
// be kept and used by any goroutine.
type BroadcastOperator struct {
	nsp      *Namespace
	rooms    []string
	except   []string
	aimed    bool // To was called: only members of rooms
	volatile bool
}

// To adds rooms: whoever is in at least one of them gets the broadcast, once. A socket id is the room of that one socket.
// To without a room aims at nobody, unlike with Socket.IO on Node, where an empty list becomes everyone.
func (b BroadcastOperator) To(rooms ...string) BroadcastOperator {
	b.aimed = true
	b.rooms = append(slices.Clip(b.rooms), rooms...)
	return b
}

// In is To.
func (b BroadcastOperator) In(rooms ...string) BroadcastOperator { return b.To(rooms...) }

// Except adds rooms whose members do not get the broadcast. A socket id is the room of that one socket.
func (b BroadcastOperator) Except(rooms ...string) BroadcastOperator {
	b.except = append(slices.Clip(b.except), rooms...)
	return b
}

// Volatile makes the broadcast one that may be lost: clients that do not keep up do not get it, instead of getting it
// late or being disconnected for it.
func (b BroadcastOperator) Volatile() BroadcastOperator {
	b.volatile = true
	return b
}

// Emit sends an event. It is encoded once, posted to each loop, and written by each loop to its own sockets; Emit does not
// wait for that. What one goroutine emits arrives in that order at every socket.
//
// An argument is anything that encodes to JSON; a []byte, also within map[string]any and []any, goes as binary. The
// arguments are not used any more when Emit returns, except for the bytes of binary ones, which must not change
// afterwards.
//
// The error is ErrReservedEvent, ErrOverloaded, or says which argument cannot be encoded; then nobody gets anything.
func (b BroadcastOperator) Emit(event string, args ...any) error {
	d := &delivery{BroadcastOperator: b}
	buf, buffers, err := socketio.AppendEvent(session.BeginMessage(make([]byte, 0, messageBytes)), b.nsp.name, 0, false, event, args)
	if err != nil {
		return err
	}
	d.Prepare(buf, buffers)
	return b.nsp.server.deliver(d)
}

// delivery is a broadcast on its way through the loops. It never changes.
type delivery struct {
	session.Prepared
	BroadcastOperator
}

// deliver posts a broadcast to each loop, the caller's own included if it is on one: there is one order for all.
func (s *Server) deliver(d *delivery) error {
	if d.aimed && len(d.rooms) == 0 {
		return nil
	}
	shards := s.column()
	for _, sh := range shards {
		if sh.loop.Full() {
			return ErrOverloaded
		}
	}
	for _, sh := range shards {
		sh.loop.PostAlways(d)
	}
	return nil
}

var _ eventloop.Batcher = (*delivery)(nil)

// Run is part of eventloop.Task: it queues the message on each member of this loop, by reference.
func (d *delivery) Run(l *eventloop.Loop) { d.send(l, &d.Prepared) }

func (d *delivery) send(l *eventloop.Loop, p *session.Prepared) {
	if sp := d.nsp.server.column()[l.Index()].spaceIfAny(d.nsp); sp != nil {
		sp.index.Each(d.rooms, d.except, func(s *Socket) { s.client.Send(p, d.volatile) })
	}
}

// Joins is part of eventloop.Batcher: broadcasts to the same sockets that wait one behind the other, as they do in a busy
// room, reach each of them as one piece. It saves most of the work beside the write.
func (d *delivery) Joins(next eventloop.Task, size int) bool {
	n, ok := next.(*delivery)
	return ok && d.sameAim(n.BroadcastOperator) && d.JoinsWith(&n.Prepared, size)
}

// RunBatch is part of eventloop.Batcher.
func (d *delivery) RunBatch(l *eventloop.Loop, batch []eventloop.Task) {
	var joined session.Prepared
	for _, t := range batch {
		joined.Append(&t.(*delivery).Prepared)
	}
	d.send(l, &joined)
}

// sameAim reports whether two operators reach the same sockets in the same way.
func (b BroadcastOperator) sameAim(o BroadcastOperator) bool {
	return b.nsp == o.nsp && b.aimed == o.aimed && b.volatile == o.volatile &&
		slices.Equal(b.rooms, o.rooms) && slices.Equal(b.except, o.except)
}

// message is a packet on its way to one socket.
type message struct {
	session.Prepared
	socket   *Socket
	volatile bool
}

// Run is part of eventloop.Task.
func (m *message) Run(*eventloop.Loop) {
	if m.socket.state == connected {
		m.socket.client.Send(&m.Prepared, m.volatile)
	}
}
