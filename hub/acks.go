package hub

import (
	"context"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/wsproto/socketio"
)

// Reply is what a client has acknowledged with. It owns its arguments.
type Reply struct{ Arguments }

// awaited is who waits for a client's acknowledgement.
type awaited interface {
	// settled is called once, on the socket's loop, when the acknowledgement has come or will not come any more. It must
	// not block.
	settled(s *Socket, r *Reply, err error)
}

// pendingAck is an acknowledgement that one client owes.
type pendingAck struct {
	session.Prepared // the event that asks for it
	socket           *Socket
	id               uint64
	timeout          time.Duration // 0: none
	timer            eventloop.Timer
	done             func(*Reply, error) // called once, on the loop; must not block
}

// EmitWithAck sends an event and waits for the client's acknowledgement, as long as ctx allows. Not for OnLoop handlers,
// which would hold their loop. The error is ctx's, ErrDisconnected, ErrAcksPending, or one of Emit's.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (*Reply, error) {
	type answer struct {
		reply *Reply
		err   error
	}
	answers := make(chan answer, 1)
	p, err := s.ask(0, event, args, func(r *Reply, err error) { answers <- answer{r, err} })
	if err != nil {
		return nil, err
	}
	select {
	case a := <-answers:
		return a.reply, a.err
	case <-ctx.Done():
		s.client.shard.loop.PostAlways(taskFunc(func() { p.end(nil, ctx.Err()) }))
		return nil, ctx.Err()
	case <-s.nsp.server.stopped:
		return nil, ErrDisconnected
	}
}

// EmitAck sends an event and has done called with the client's acknowledgement, or with ErrAckTimeout, ErrDisconnected or
// ErrAcksPending; once, as an On handler of the socket would be: it may block. A timeout of 0 waits for as long as the
// socket is connected. An error is one of Emit's, and done is not called then.
func (s *Socket) EmitAck(timeout time.Duration, event string, done func(*Reply, error), args ...any) error {
	_, err := s.ask(timeout, event, args, func(r *Reply, err error) {
		s.enqueue(job{run: func() { done(r, err) }})
	})
	return err
}

// ask sends an event that wants an acknowledgement.
func (s *Socket) ask(timeout time.Duration, event string, args []any, done func(*Reply, error)) (*pendingAck, error) {
	if s.Gone() {
		return nil, ErrDisconnected
	}
	p := &pendingAck{socket: s, id: s.nsp.newAckID(), timeout: timeout, done: done}
	encoded, err := s.nsp.encodeEvent(ackID{p.id, true}, event, args)
	if err != nil {
		return nil, err
	}
	encoded.prepare(s.nsp, &p.Prepared)
	return p, s.post(p)
}

// newAckID draws the id of an acknowledgement that a client is to give.
func (n *Namespace) newAckID() uint64 { return n.nextAck.Add(1) - 1 }

// Run is part of eventloop.Task: it sends the event and begins to wait.
func (p *pendingAck) Run(l *eventloop.Loop) {
	s := p.socket
	if err := s.await(p.id, p); err != nil {
		p.done(nil, err)
		return
	}
	if p.timeout > 0 {
		l.Schedule(&p.timer, p.timeout, p)
	}
	if show := s.nsp.shows(&p.Prepared); show != nil {
		show(s)
	}
	s.client.deliver(&p.Prepared, false)
}

// Expired is part of eventloop.Expirer.
func (p *pendingAck) Expired(*eventloop.Timer) { p.end(nil, ErrAckTimeout) }

// end ends the wait, unless it has ended before.
func (p *pendingAck) end(r *Reply, err error) {
	if p.socket.acks[p.id] == awaited(p) {
		p.socket.settle(p.id, r, err)
	}
}

func (p *pendingAck) settled(s *Socket, r *Reply, err error) {
	s.client.shard.loop.Cancel(&p.timer)
	p.done(r, err)
}

// await notes who waits for the client to acknowledge an id.
func (s *Socket) await(id uint64, by awaited) error {
	switch {
	case s.state != connected:
		return ErrDisconnected
	case len(s.acks) >= AcksPendingMax:
		return ErrAcksPending
	case s.acks == nil:
		s.acks = map[uint64]awaited{}
	}
	s.acks[id] = by
	return nil
}

// settle ends the wait for an id.
func (s *Socket) settle(id uint64, r *Reply, err error) {
	by := s.acks[id]
	s.forgetAck(id)
	by.settled(s, r, err)
}

// forgetAck has nobody wait for an id any more.
func (s *Socket) forgetAck(id uint64) {
	delete(s.acks, id)
	if len(s.acks) == 0 {
		s.acks = nil // an idle socket keeps no map
	}
}

// acknowledged takes an ACK packet of the client's. One that nobody waits for (any more) is ignored, as by the reference
// server.
func (s *Socket) acknowledged(p socketio.Packet) {
	if s.acks[p.ID] == nil || !p.HasID || p.Data == nil {
		return
	}
	s.client.shard.counts.acksIn++
	r := &Reply{s.nsp.splitAck(p.Data, p.Buffers)}
	r.own()
	s.settle(p.ID, r, nil)
}

// dropAcks ends all waiting because the socket is disconnected.
func (s *Socket) dropAcks() {
	for id := range s.acks {
		s.settle(id, nil, ErrDisconnected)
	}
}
