package hub

import (
	"errors"
	"slices"
	"time"

	"starling/eventloop"
	"starling/hub/cluster"
	"starling/hub/internal/recovery"
	"starling/hub/internal/session"
)

// BroadcastOperator says who gets a broadcast, or who is meant otherwise. It is a value that never changes: each method
// returns a new one, so one may be kept and used by any goroutine.
//
// With Options.Adapter the sockets of all nodes are meant, unless Local says otherwise.
type BroadcastOperator struct {
	nsp    *Namespace
	parent *ParentNamespace // instead of nsp: all of its children

	rooms    []string
	except   []string
	timeout  time.Duration // 0: none
	aimed    bool          // To was called: only members of rooms
	volatile bool
	local    bool
	plain    bool // never compressed
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
// late or being disconnected for it. Those that come back after a while do not get it either; see Options.Recovery.
func (b BroadcastOperator) Volatile() BroadcastOperator {
	b.volatile = true
	return b
}

// Local aims at the sockets of this node alone.
func (b BroadcastOperator) Local() BroadcastOperator {
	b.local = true
	return b
}

// Compress says whether the event may go compressed, where that was agreed on and it is large enough. It may by default.
func (b BroadcastOperator) Compress(compress bool) BroadcastOperator {
	b.plain = !compress
	return b
}

// Timeout bounds how long EmitWithAck and FetchSockets wait, beside their contexts; 0 is no bound.
func (b BroadcastOperator) Timeout(d time.Duration) BroadcastOperator {
	b.timeout = d
	return b
}

// nobody reports whether the operator aims at nobody.
func (b BroadcastOperator) nobody() bool { return b.aimed && len(b.rooms) == 0 }

// children calls do for the same operator over each child of the parent, if there is one.
func (b BroadcastOperator) children(do func(BroadcastOperator) error) (isParent bool, err error) {
	if b.parent == nil {
		return false, nil
	}
	var errs []error
	for _, n := range b.parent.Children() {
		errs = append(errs, do(b.of(n)))
	}
	return true, errors.Join(errs...)
}

// of is the same operator over a child of the parent.
func (b BroadcastOperator) of(n *Namespace) BroadcastOperator {
	b.nsp, b.parent = n, nil
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
// [cluster.ErrBacklog] says that some other node may not have got it.
func (b BroadcastOperator) Emit(event string, args ...any) error { return b.emit(nil, event, args) }

// emit is Emit with a receipt, nil if nobody wants one.
func (b BroadcastOperator) emit(r *Receipt, event string, args []any) error {
	if parent, err := b.children(func(c BroadcastOperator) error { return c.emit(r, event, args) }); parent {
		return err
	}
	p, err := b.nsp.encodeEvent(ackID{}, event, args)
	if err != nil || b.nobody() {
		return err
	}
	if !b.reachesOthers() {
		return b.send(p, r)
	}
	m := b.message(cluster.Broadcast)
	m.Volatile, m.NoCompression = b.volatile, b.plain
	m.Data, m.Attachments = p.payload()
	if err := b.send(p, r); err != nil {
		return err
	}
	return b.nsp.server.publish(m)
}

// send sends an event to the sockets of this node.
func (b BroadcastOperator) send(p packet, r *Receipt) error {
	s := b.nsp.server
	if s.full() {
		return ErrOverloaded
	}
	r.expect(s)
	d := &delivery{BroadcastOperator: b, receipt: r}
	if b.plain {
		d.NoCompression()
	}
	j := b.nsp.journal
	if j == nil || b.volatile {
		p.prepare(b.nsp, &d.Prepared)
		s.post(d)
		return nil
	}
	field := p.prepareToKeep(b.nsp, &d.Prepared)
	j.Record(b.aim(), p.size(), func(at recovery.Position, offset recovery.Offset) *session.Prepared {
		d.position = at
		copy(field, offset[:])
		s.post(d) // under the journal's lock: what one loop gets is in the order of the positions
		return &d.Prepared
	})
	return nil
}

// aim is whom the operator means, for the journal.
func (b BroadcastOperator) aim() recovery.Aim {
	return recovery.Aim{Everyone: !b.aimed, Rooms: b.rooms, Except: b.except}
}

// full reports whether a loop has more to do than it can hold.
func (s *Server) full() bool {
	return slices.ContainsFunc(s.column(), func(sh *shard) bool { return sh.loop.Full() })
}

// post gives a task to each loop, the caller's own included if it is on one: there is one order for all.
func (s *Server) post(t eventloop.Task) {
	for _, sh := range s.column() {
		sh.loop.PostAlways(t)
	}
}

// delivery is a broadcast on its way through the loops. It never changes.
type delivery struct {
	session.Prepared
	BroadcastOperator
	position recovery.Position // 0: it is not kept for those who come back
	receipt  *Receipt          // nil: nobody wants one
}

var _ eventloop.Batcher = (*delivery)(nil)

// Run is part of eventloop.Task: it queues the message on each member of this loop, by reference.
func (d *delivery) Run(l *eventloop.Loop) {
	d.receipt.delivered(d.send(l, &d.Prepared, d.position))
}

// send returns how many members were meant, and how many of them got nothing.
func (d *delivery) send(l *eventloop.Loop, p *session.Prepared, at recovery.Position) (matched, dropped int) {
	sh := d.nsp.server.column()[l.Index()]
	sp := sh.spaceFor(d.nsp, at)
	if sp == nil {
		return 0, 0
	}
	show := d.nsp.shows(p)
	sp.index.Each(d.rooms, d.except, func(s *Socket) {
		if show != nil {
			show(s)
		}
		matched++
		if s.client.Send(p, d.volatile) == eventloop.Dropped {
			dropped++
		}
	})
	sh.counts.sent(p, matched, dropped, d.volatile)
	return matched, dropped
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
	at := d.position
	for _, t := range batch {
		next := t.(*delivery)
		joined.Append(&next.Prepared)
		at = max(at, next.position)
	}
	matched, dropped := d.send(l, &joined, at)
	for _, t := range batch {
		t.(*delivery).receipt.delivered(matched, dropped)
	}
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
	event    bool // and not an acknowledgement
}

// Run is part of eventloop.Task.
func (m *message) Run(*eventloop.Loop) {
	s := m.socket
	if s.state != connected {
		return
	}
	if !m.event {
		s.client.shard.counts.acksOut++
		s.client.Send(&m.Prepared, m.volatile)
		return
	}
	if show := s.nsp.shows(&m.Prepared); show != nil {
		show(s)
	}
	s.client.deliver(&m.Prepared, m.volatile)
}

// keptMessage is one that is also kept, for the case that the client comes back.
type keptMessage struct {
	message
	position recovery.Position
}

// Run is part of eventloop.Task.
func (m *keptMessage) Run(l *eventloop.Loop) {
	m.socket.client.shard.spaceFor(m.socket.nsp, m.position)
	m.message.Run(l)
}
