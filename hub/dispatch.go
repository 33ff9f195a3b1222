package hub

import (
	"sync"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/internal/invariants"
	"starling/wsproto/socketio"
)

// dispatch gives an event to its handler. An event that nobody handles is ignored, as by the reference server.
func (s *Socket) dispatch(p socketio.Packet) {
	name, args, err := socketio.SplitEvent(p.Data)
	if err != nil {
		s.client.offence(err)
		return
	}
	h, ok := s.nsp.handlers.Load().events[string(name)]
	switch {
	case !ok:
	case h.onLoop != nil && s.held == 0:
		s.runOnLoop(h, Event{Arguments: Arguments{args, p.Buffers}, socket: s, name: h.name, id: p.ID, wants: p.HasID})
	default:
		s.later(h, args, p)
	}
}

// runOnLoop runs an OnLoop handler. Its panic costs the event.
func (s *Socket) runOnLoop(h handler, e Event) {
	sh := s.client.shard
	ev := &sh.event
	if invariants.Enabled {
		ev = new(Event) // so that one which is kept too long is not the next one
	}
	*ev = e
	ev.onLoop = true
	defer func() {
		*ev = Event{}
		if r := recover(); r != nil {
			sh.server.workers.panicked(s, h.name, r)
		}
	}()
	h.onLoop(s, ev)
}

// events recycles the events of On handlers.
var events = sync.Pool{New: func() any { return new(Event) }}

// later puts an event into the socket's mailbox, with a copy of its arguments.
func (s *Socket) later(h handler, args socketio.Args, p socketio.Packet) {
	size := len(args)
	for _, b := range p.Buffers {
		size += len(b)
	}
	if s.full(size) {
		s.client.Close(session.InboundOverflow)
		return
	}
	ev := newEvent()
	*ev = Event{Arguments: Arguments{args, p.Buffers}, socket: s, name: h.name, id: p.ID, wants: p.HasID}
	ev.own()
	if h.off != nil {
		s.enqueue(job{event: ev, by: h, bytes: size})
		return
	}
	s.held++
	s.enqueue(job{bytes: size, run: func() {
		s.client.shard.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { s.release(h, ev) }))
	}})
}

// release runs an OnLoop event that had to wait.
func (s *Socket) release(h handler, ev *Event) {
	s.held--
	if s.state == connected {
		s.runOnLoop(h, *ev)
	}
}

func newEvent() *Event {
	if invariants.Enabled {
		return new(Event)
	}
	return events.Get().(*Event)
}

// free takes back an event whose handler has returned.
func (e *Event) free() {
	e.end()
	if !invariants.Enabled {
		events.Put(e)
	}
}
