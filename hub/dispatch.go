package hub

import (
	"sync"

	"starling/hub/internal/session"
	"starling/internal/invariants"
	"starling/wsproto/socketio"
)

// dispatch gives an event to its handler. An event that nobody handles is ignored, as by the reference server.
func (s *Socket) dispatch(p socketio.Packet) {
	name, args, err := s.nsp.server.splitEvent(p)
	if err != nil {
		s.client.offence(err)
		return
	}
	hs := s.nsp.handlers.Load()
	h, ok := hs.events[string(name)]
	if !ok {
		if hs.any == nil && hs.other == nil && len(hs.perEvent)+len(hs.onArrival) == 0 {
			return
		}
		h = handler{name: string(name), off: hs.other}
	}
	ev := Event{Arguments: args, socket: s, name: h.name, id: p.ID, wants: p.HasID}
	if len(hs.onArrival) > 0 && !s.arrives(hs, &ev) {
		return
	}
	if h.onLoop != nil && s.held == 0 && hs.any == nil {
		s.runOnLoop(h, ev)
		return
	}
	s.later(h, ev)
}

// runOnLoop runs an OnLoop handler. Its panic costs the event.
func (s *Socket) runOnLoop(h handler, e Event) {
	s.lend(&e, func(ev *Event) {
		if s.lets(s.nsp.handlers.Load().perEvent, ev) {
			h.onLoop(s, ev)
		}
	})
}

// arrives asks the middleware that is asked on the loop whether an event may go on. A panic keeps it back.
func (s *Socket) arrives(hs *handlers, e *Event) (passes bool) {
	s.lend(e, func(ev *Event) { passes = s.lets(hs.onArrival, ev) })
	return passes
}

// lend has a function use an event on the loop, and takes over whether it was acknowledged. A panic costs the event.
func (s *Socket) lend(e *Event, use func(*Event)) {
	sh := s.client.shard
	ev := &sh.event
	if invariants.Enabled {
		ev = new(Event) // so that one which is kept too long is not the next one
	}
	*ev = *e
	ev.onLoop = true
	defer func() {
		e.wants = ev.wants
		*ev = Event{}
		if r := recover(); r != nil {
			sh.server.workers.panicked(s.nsp.name, s, e.name, r)
		}
	}()
	use(ev)
}

// handle runs an On handler, and what comes before it.
func (s *Socket) handle(h handler, e *Event) {
	if catchAll := s.nsp.handlers.Load().any; catchAll != nil {
		catchAll(s, e)
	}
	if s.lets(s.nsp.handlers.Load().perEvent, e) && h.off != nil {
		h.off(s, e)
	}
}

// lets asks middleware whether an event may go on to its handler.
func (s *Socket) lets(all []func(*Socket, *Event) error, e *Event) bool {
	for _, middleware := range all {
		if err := middleware(s, e); err != nil {
			s.failed(err)
			return false
		}
	}
	return true
}

// failed tells that an event did not reach its handler.
func (s *Socket) failed(err error) {
	handle := s.nsp.handlers.Load().failed
	if handle == nil {
		s.nsp.server.opts.Logger.Debug("event refused", "namespace", s.nsp.name, "socket", s.id, "error", err)
		return
	}
	if s.full(0) { // the client goes on all the same, and nobody would bound what it makes wait
		return
	}
	s.enqueue(job{run: func() { handle(s, err) }})
}

// events recycles the events of On handlers.
var events = sync.Pool{New: func() any { return new(Event) }}

// later puts an event into the socket's mailbox, with a copy of its arguments.
func (s *Socket) later(h handler, e Event) {
	size := e.Arguments.size()
	if s.full(size) {
		s.client.Close(session.InboundOverflow)
		return
	}
	ev := newEvent()
	*ev = e
	ev.own()
	if h.onLoop == nil {
		s.enqueue(job{event: ev, by: h, bytes: size})
		return
	}
	s.held++
	s.enqueue(job{bytes: size, by: handler{name: h.name}, run: func() {
		passed := false
		defer func() { s.client.shard.loop.PostAlways(taskFunc(func() { s.release(h, ev, passed) })) }()
		if catchAll := s.nsp.handlers.Load().any; catchAll != nil {
			catchAll(s, ev)
		}
		passed = true
	}})
}

// release runs an OnLoop event that had to wait, if what it has waited for did not panic.
func (s *Socket) release(h handler, ev *Event, passed bool) {
	s.held--
	if passed && s.state == connected {
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
