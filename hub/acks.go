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

// pendingAck is an acknowledgement that a client owes. It belongs to the socket's loop.
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
		s.client.shard.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { p.end(nil, ctx.Err()) }))
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
	if s.gone.Load() {
		return nil, ErrDisconnected
	}
	p := &pendingAck{socket: s, id: s.nsp.nextAck.Add(1) - 1, timeout: timeout, done: done}
	buf, buffers, err := socketio.AppendEvent(session.BeginMessage(make([]byte, 0, messageBytes)), s.nsp.name, p.id, true, event, args)
	if err != nil {
		return nil, err
	}
	p.Prepare(buf, buffers)
	return p, s.post(p)
}

// Run is part of eventloop.Task: it sends the event and begins to wait.
func (p *pendingAck) Run(l *eventloop.Loop) {
	s := p.socket
	switch {
	case s.state != connected:
		p.answer(nil, ErrDisconnected)
		return
	case len(s.acks) >= AcksPendingMax:
		p.answer(nil, ErrAcksPending)
		return
	}
	if s.acks == nil {
		s.acks = map[uint64]*pendingAck{}
	}
	s.acks[p.id] = p
	if p.timeout > 0 {
		l.Schedule(&p.timer, p.timeout, p)
	}
	s.client.Send(&p.Prepared, false)
}

// Expired is part of eventloop.Expirer.
func (p *pendingAck) Expired(*eventloop.Timer) { p.end(nil, ErrAckTimeout) }

// end ends the wait, unless it has ended before.
func (p *pendingAck) end(r *Reply, err error) {
	s := p.socket
	if s.acks[p.id] != p {
		return
	}
	delete(s.acks, p.id)
	if len(s.acks) == 0 {
		s.acks = nil // an idle socket keeps no map
	}
	s.client.shard.loop.Cancel(&p.timer)
	p.answer(r, err)
}

func (p *pendingAck) answer(r *Reply, err error) {
	if done := p.done; done != nil {
		p.done = nil
		done(r, err)
	}
}

// acknowledged takes an ACK packet of the client's. One that nobody waits for (any more) is ignored, as by the reference
// server.
func (s *Socket) acknowledged(packet socketio.Packet) {
	p := s.acks[packet.ID]
	if p == nil || !packet.HasID || packet.Data == nil {
		return
	}
	r := &Reply{Arguments{list: socketio.SplitAck(packet.Data), buffers: packet.Buffers}}
	r.own()
	p.end(r, nil)
}

// dropAcks ends all waiting because the socket is disconnected.
func (s *Socket) dropAcks() {
	for _, p := range s.acks {
		p.end(nil, ErrDisconnected)
	}
}
