package hub

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"starling/eventloop"
	"starling/hub/cluster"
)

// BroadcastReply is what one socket has acknowledged a broadcast with.
type BroadcastReply struct {
	SocketID string
	Reply
}

// PartialError is what EmitWithAck of a broadcast returns when not everybody has answered. Err says why: ErrAckBytes, before all
// others, when answers were dropped here, ErrAckTimeout, the error of the context, ErrDisconnected for sockets that have left
// meanwhile, ErrAcksPending for sockets that are asked too much, ErrNodeLost, or ErrShutdown.
type PartialError struct {
	Asked    int // sockets that the broadcast was sent to, as far as is known
	Answered int
	Err      error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("hub: %d of %d sockets have acknowledged: %v", e.Answered, e.Asked, e.Err)
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }

// EmitWithAck sends an event to each socket and waits for their acknowledgements, as long as ctx and Timeout allow; give it
// one of them, or it may wait for as long as some client stays without answering. It returns the replies, in the order in
// which they came. When not everybody has answered the error is a [*PartialError], and the replies are those that came. Beyond
// AckBytesMax together, those of all children of a parent namespace counted, a reply is dropped, and missing; each node drops
// by itself what goes beyond, which elsewhere looks like sockets that have left. Other errors are those of Emit; then nobody was asked. Not for OnLoop handlers, which would hold their loop.
func (b BroadcastOperator) EmitWithAck(ctx context.Context, event string, args ...any) ([]BroadcastReply, error) {
	ctx, cancel := b.bound(ctx)
	defer cancel()
	var all []*gathering
	ask := func(b BroadcastOperator) error {
		g, err := b.ask(ctx, event, args)
		if err == nil {
			all = append(all, g)
			g.share(all[0])
		}
		return err
	}
	parent, err := b.children(ask)
	if !parent {
		err = ask(b)
	}
	var replies []BroadcastReply
	sum := &PartialError{Err: err}
	for _, g := range all {
		got, err := g.collect(ctx)
		replies = append(replies, got...)
		sum.Asked += g.asked
		sum.Err = cmp.Or(sum.Err, err)
	}
	if len(all) == 0 || sum.Err == nil {
		return replies, sum.Err
	}
	sum.Answered = len(replies)
	return replies, sum
}

// bound applies Timeout.
func (b BroadcastOperator) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, b.timeout, ErrAckTimeout)
}

// gathering is a broadcast that is to be acknowledged, by the sockets of this node and of others.
type gathering struct {
	survey
	nsp     *Namespace
	id      uint64 // of the acknowledgement
	number  uint64 // of the inquiry; 0: no other node is asked
	asked   int
	replies []BroadcastReply
	bytes   *atomic.Int64 // of the replies, and of those of all that share it
	cut     bool          // some replies were too many bytes
	missing error         // why some do not answer

	members [][]*Socket // who was asked; each loop has its own list
	changed func()      // called when replies have come, or all; nil: nobody cares
}

// newGathering begins to wait for the answers of the given nodes, and of the loops as soon as they are asked.
func (n *Namespace) newGathering() *gathering {
	loops := len(n.server.column())
	g := &gathering{nsp: n, id: n.newAckID(), bytes: new(atomic.Int64), members: make([][]*Socket, loops)}
	g.init(n.server, loops)
	return g
}

// ask sends the event and begins to gather.
func (b BroadcastOperator) ask(ctx context.Context, event string, args []any) (*gathering, error) {
	s := b.nsp.server
	g := b.nsp.newGathering()
	p, err := b.nsp.encodeEvent(ackID{g.id, true}, event, args)
	if err != nil {
		return nil, err
	}
	if b.nobody() {
		g.update(func() { g.loops, g.open = 0, 0 })
		return g, nil
	}
	m := b.message(cluster.Broadcast)
	others := false
	if b.reachesOthers() {
		g.number = s.inquiries.begin(g)
		others = g.ask(s.opts.Adapter.Nodes)
		m.Data, m.Attachments = p.payload()
	} else {
		g.ask(nil)
	}
	if err := b.sendAsking(p, g); err != nil {
		s.inquiries.end(g.number)
		return nil, err
	}
	if others {
		m.Request, m.Volatile, m.NoCompression = g.number, b.volatile, b.plain
		if deadline, ok := ctx.Deadline(); ok {
			m.Timeout = time.Until(deadline)
		}
		if err := s.publish(m); err != nil {
			g.update(func() { g.missing = err })
		}
	}
	return g, nil
}

// sendAsking sends the event to the sockets of this node.
func (b BroadcastOperator) sendAsking(p packet, g *gathering) error {
	if b.nsp.server.full() {
		return ErrOverloaded
	}
	a := &question{delivery: delivery{BroadcastOperator: b}, gathering: g}
	if b.plain {
		a.NoCompression()
	}
	p.prepare(b.nsp, &a.Prepared)
	b.nsp.server.post(a)
	return nil
}

// question is a broadcast on its way that wants acknowledgements.
type question struct {
	delivery
	gathering *gathering
}

// Run is part of eventloop.Task.
func (a *question) Run(l *eventloop.Loop) {
	g := a.gathering
	var asked []*Socket
	var refused error
	sent, dropped := 0, 0
	sh := a.nsp.server.column()[l.Index()]
	if sp := sh.spaces[a.nsp]; sp != nil {
		show := a.nsp.shows(&a.Prepared)
		sp.index.Each(a.rooms, a.except, func(s *Socket) {
			asked = append(asked, s)
			if err := s.await(g.id, g); err != nil {
				refused = err
				return
			}
			if show != nil {
				show(s)
			}
			sent++
			if s.client.Send(&a.Prepared, a.volatile) == eventloop.Dropped {
				dropped++
			}
		})
	}
	sh.counts.sent(&a.Prepared, sent, dropped, a.volatile)
	g.members[l.Index()] = asked
	waiting := 0
	for _, s := range asked {
		if s.acks[g.id] == awaited(g) {
			waiting++
		}
	}
	g.update(func() {
		g.loops--
		g.asked += len(asked)
		g.open += waiting
		if refused != nil {
			g.missing = refused
		}
	})
	g.tell()
}

// Joins is part of eventloop.Batcher: each asks for itself.
func (a *question) Joins(eventloop.Task, int) bool { return false }

// settled is part of awaited.
func (g *gathering) settled(s *Socket, r *Reply, err error) {
	g.update(func() {
		g.open--
		if err != nil {
			g.missing = err
			return
		}
		g.keep(s.id, *r)
	})
	g.tell()
}

// keep keeps a reply, or drops it before it takes room for long: how much clients answer is theirs to choose. The lock is held.
func (g *gathering) keep(id string, r Reply) {
	size := int64(r.size())
	if sum := g.bytes.Add(size); sum > AckBytesMax && sum > size {
		g.bytes.Add(-size)
		g.cut = true
		return
	}
	g.replies = append(g.replies, BroadcastReply{id, r})
}

// share has two gatherings of one broadcast, for two namespaces, count their bytes together.
func (g *gathering) share(with *gathering) {
	if g == with {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	with.bytes.Add(g.bytes.Load())
	g.bytes = with.bytes
}

// tell tells whoever cares that something has changed.
func (g *gathering) tell() {
	if g.changed != nil {
		g.changed()
	}
}

// answer is part of inquiry: it takes what sockets of another node have acknowledged with.
func (g *gathering) answer(m *cluster.Message) {
	g.update(func() {
		g.asked += m.Asked
		for _, a := range m.Acks {
			g.keep(a.SocketID, Reply{g.nsp.splitAck(a.Data, a.Attachments)})
		}
		if m.Last {
			g.finished(m.From)
		}
	})
}

// collect waits for the answers, and calls off what is not awaited any more. The error says why some are missing.
func (g *gathering) collect(ctx context.Context) ([]BroadcastReply, error) {
	err := g.wait(ctx)
	if g.number != 0 {
		g.server.inquiries.end(g.number)
	}
	if err != nil {
		g.callOff()
	}
	switch {
	case g.cut:
		err = ErrAckBytes
	case err != nil:
	case g.missing != nil:
		err = g.missing
	case len(g.replies) < g.asked: // some on another node
		err = ErrDisconnected
	}
	return g.replies, err
}

// callOff has no socket and no node look for answers any more.
func (g *gathering) callOff() {
	g.server.post(eventloop.TaskFunc(func(l *eventloop.Loop) {
		for _, s := range g.members[l.Index()] {
			if s.acks[g.id] == awaited(g) {
				s.forgetAck(g.id)
			}
		}
	}))
	if g.number != 0 {
		_ = g.server.publish(&cluster.Message{Kind: cluster.Cancel, Namespace: g.nsp.name, Request: g.number}) // a node that does not keep up has a timeout
	}
}
