package hub

import (
	"slices"
	"sync/atomic"

	"starling/hub/internal/session"
	"starling/internal/invariants"
	"starling/wsproto/socketio"
)

// Event is one event that a client has emitted. It is borrowed: it, and what Raw and Values return, may be used until the
// handler that it was given to returns, by one goroutine at a time. Whoever wants to acknowledge later takes an Acker.
type Event struct {
	Arguments
	socket *Socket
	name   string
	id     uint64 // of the acknowledgement
	wants  bool   // an acknowledgement that was not given yet
	onLoop bool   // handled on the socket's loop
}

// Name is the name of the event.
func (e *Event) Name() string { e.check(); return e.name }

// Socket is the socket that has emitted it.
func (e *Event) Socket() *Socket { e.check(); return e.socket }

// Size is how many bytes the name and the arguments have on the wire, attachments included.
func (e *Event) Size() int { e.check(); return len(e.name) + e.Arguments.size() }

// WantsAck reports whether the client waits for an acknowledgement that was not given yet.
func (e *Event) WantsAck() bool { e.check(); return e.wants }

// Ack acknowledges the event with the given arguments; only the first one counts. It returns ErrAcked when none is
// wanted, or the error of an argument that cannot be encoded: then the client still waits, and may be told so.
func (e *Event) Ack(args ...any) (err error) {
	e.check()
	if !e.wants {
		return ErrAcked
	}
	if e.onLoop && e.socket.client.shard.loop.Idle() {
		err = e.socket.ackNow(e.id, args)
	} else {
		err = e.socket.ack(e.id, args)
	}
	e.wants = err != nil
	return err
}

// Acker takes the acknowledgement out of the event, to be given later and from any goroutine. It returns nil when none is
// wanted.
func (e *Event) Acker() *Acker {
	e.check()
	if !e.wants {
		return nil
	}
	e.wants = false
	return &Acker{socket: e.socket, id: e.id}
}

// check finds out who keeps an Event for longer than it lives.
func (e *Event) check() {
	if e.socket == nil {
		panic("hub: Event used after its handler has returned")
	}
}

// end makes the event unusable.
func (e *Event) end() {
	if invariants.Enabled {
		invariants.Mangle(e.list)
	}
	*e = Event{}
}

// Acker acknowledges one event, once, from any goroutine.
type Acker struct {
	socket *Socket
	id     uint64
	done   atomic.Bool
}

// Ack acknowledges with the given arguments; only the first one counts, later ones get ErrAcked. One whose arguments
// cannot be encoded does not count. On a socket that is disconnected it does nothing.
func (a *Acker) Ack(args ...any) error {
	if a.done.Swap(true) {
		return ErrAcked
	}
	err := a.socket.ack(a.id, args)
	if err != nil {
		a.done.Store(false)
	}
	return err
}

// ackNow sends an acknowledgement from the socket's loop.
func (s *Socket) ackNow(id uint64, args []any) error {
	c := s.client
	if c.parser() != nil {
		return c.sendBy(socketio.Header{Type: socketio.Ack, Namespace: s.nsp.name, ID: id, HasID: true}, slices.Clone(args)...) // so that args stays on the caller's stack where there is no parser
	}
	buf, buffers, err := socketio.AppendAck(c.Begin(), s.nsp.name, id, args)
	if err != nil {
		return err
	}
	c.shard.counts.acksOut++
	if len(buffers) == 0 {
		c.Finish(buf)
		return nil
	}
	var p session.Prepared
	p.Prepare(append([]byte(nil), buf...), buffers) // c.Begin is scratch
	c.Send(&p, false)
	return nil
}

// ack sends an acknowledgement from anywhere, behind whatever the caller has emitted before.
func (s *Socket) ack(id uint64, args []any) error {
	m := &message{socket: s}
	p, err := s.nsp.encodeAck(id, args)
	if err != nil {
		return err
	}
	p.prepare(s.nsp, &m.Prepared)
	s.client.shard.loop.PostAlways(m)
	return nil
}
