package hub

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"starling/wsproto/socketio"
)

// Registrar is what handlers are registered on: a [Namespace], a [ParentNamespace], or a [Server], which stands for its
// main namespace.
type Registrar interface {
	// On sets the handler of an event; see Namespace.On.
	On(event string, handle func(s *Socket, e *Event))
	// OnLoop sets one that runs on the loop; see Namespace.OnLoop.
	OnLoop(event string, handle func(s *Socket, e *Event))
}

var (
	_ Registrar = (*Namespace)(nil)
	_ Registrar = (*ParentNamespace)(nil)
)

// registry holds the handlers of a namespace. Handlers are registered once, on the namespace, not on each socket;
// registering replaces unless it says that it adds, nil removes, and either concerns what arrives from then on.
type registry struct {
	mu       sync.Mutex               // serialises changes
	children map[*Namespace]struct{}  // of a parent, which change with it
	handlers atomic.Pointer[handlers] // never nil
}

// handlers are what a namespace does; a value never changes once it is published.
type handlers struct {
	middleware    []func(*Socket) error
	perEvent      []func(*Socket, *Event) error
	onArrival     []func(*Socket, *Event) error
	connect       func(*Socket)
	disconnecting func(*Socket, Reason, []string)
	disconnect    func(*Socket, Reason)
	failed        func(*Socket, error)
	any           func(*Socket, *Event)
	other         func(*Socket, *Event)
	outgoing      func(*Socket, *Outgoing)
	events        map[string]handler
}

// handler handles one event: off the loop or on it.
type handler struct {
	name   string
	off    func(*Socket, *Event)
	onLoop func(*Socket, *Event)
}

func (r *registry) init() { r.handlers.Store(&handlers{}) }

// change publishes handlers that differ, here and in the children.
func (r *registry) change(edit func(*handlers)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := *r.handlers.Load()
	edit(&h)
	r.handlers.Store(&h)
	for child := range r.children {
		child.change(edit)
	}
}

// adopt gives the handlers to a child, now and whenever they change.
func (r *registry) adopt(child *Namespace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.children == nil {
		r.children = map[*Namespace]struct{}{}
	}
	r.children[child] = struct{}{}
	child.handlers.Store(r.handlers.Load())
}

// abandon ends that.
func (r *registry) abandon(child *Namespace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.children, child)
}

// added returns a list with one more, and leaves the list alone.
func added[T any](list []T, v T) []T { return append(list[:len(list):len(list)], v) }

// Use adds a middleware: it is asked, in the order of registration, before a socket is connected, and may block. An error
// refuses the socket; the client's connect_error event gets it, with data if it is a [*ConnectError]. The socket is not
// connected yet: what is emitted to it is lost, what it joins counts once it is.
func (r *registry) Use(middleware func(s *Socket) error) {
	r.change(func(h *handlers) { h.middleware = added(h.middleware, middleware) })
}

// UseEvent adds a middleware for events: it is asked, in the order of registration, before the handler of each event, and
// runs where that does: off the loop for On and for events without a handler, on the loop, where it must not block, for
// OnLoop. An error keeps the event from its handler and goes to OnError; the client hears nothing of it.
func (r *registry) UseEvent(middleware func(s *Socket, e *Event) error) {
	r.change(func(h *handlers) { h.perEvent = added(h.perEvent, middleware) })
}

// UseEventOnLoop is UseEvent for a middleware that is asked on the loop, as soon as an event has come: before it waits for its
// turn, and before the middleware of UseEvent. What bounds what a client may send belongs here. It must not block.
func (r *registry) UseEventOnLoop(middleware func(s *Socket, e *Event) error) {
	r.change(func(h *handlers) { h.onArrival = added(h.onArrival, middleware) })
}

// OnConnect sets what is called for each socket when it has connected, before any of its events. It may block; the
// socket's events wait for it, nobody else does.
func (r *registry) OnConnect(handle func(s *Socket)) {
	r.change(func(h *handlers) { h.connect = handle })
}

// OnDisconnecting sets what is called before OnDisconnect, in the same way, with the rooms that the socket was in when it
// disconnected; its own id is not among them, and their order means nothing.
func (r *registry) OnDisconnecting(handle func(s *Socket, reason Reason, rooms []string)) {
	r.change(func(h *handlers) { h.disconnecting = handle })
}

// OnDisconnect sets what is called once for each connected socket when it has disconnected, after all of its events. It
// may block. The socket has left its rooms by then.
func (r *registry) OnDisconnect(handle func(s *Socket, reason Reason)) {
	r.change(func(h *handlers) { h.disconnect = handle })
}

// OnError sets what is told of events that did not reach their handlers: an error of a UseEvent middleware, or an
// [ArgumentError]. It may block, and runs in order with the socket's On handlers. Without it such errors are logged at
// level debug.
func (r *registry) OnError(handle func(s *Socket, err error)) {
	r.change(func(h *handlers) { h.failed = handle })
}

// On sets the handler of an event. It may block: it runs on a goroutine of its own kind, in order for each socket, and no
// other socket waits for it. A handler that panics loses its event and nothing else. It panics on a reserved name.
func (r *registry) On(event string, handle func(s *Socket, e *Event)) {
	r.setEvent(handler{name: event, off: handle})
}

// OnLoop sets the handler of an event, to be run on the loop of its socket: at once, without a goroutine and without a
// copy of the event. It must not block: a loop has thousands of sockets. In order for each socket with other OnLoop
// events; not with On events, which may still be running. It panics on a reserved name.
func (r *registry) OnLoop(event string, handle func(s *Socket, e *Event)) {
	r.setEvent(handler{name: event, onLoop: handle})
}

func (r *registry) setEvent(h handler) {
	if socketio.ReservedEvent(h.name) {
		panic(fmt.Sprintf("hub: event %q is reserved; use OnConnect and OnDisconnect", h.name))
	}
	r.change(func(hs *handlers) {
		hs.events = maps.Clone(hs.events)
		switch {
		case h.off == nil && h.onLoop == nil:
			delete(hs.events, h.name)
		case hs.events == nil:
			hs.events = map[string]handler{h.name: h}
		default:
			hs.events[h.name] = h
		}
	})
}

// OnAny sets what is called for each event, whether it has a handler or not, before that and before UseEvent. It may
// block; OnLoop events then wait for it like those of On.
func (r *registry) OnAny(handle func(s *Socket, e *Event)) {
	r.change(func(h *handlers) { h.any = handle })
}

// OnOther sets the handler of all events that have none of their own. It may block, in the way of On. Events that nobody
// handles are ignored.
func (r *registry) OnOther(handle func(s *Socket, e *Event)) {
	r.change(func(h *handlers) { h.other = handle })
}

// OnAnyOutgoing sets what is called for each event that is sent to a socket, once for each socket that gets it;
// acknowledgements are no events. It is called on the socket's loop and must not block. What is lost because it is
// volatile, or because the client does not read, may be among them.
func (r *registry) OnAnyOutgoing(handle func(s *Socket, o *Outgoing)) {
	r.change(func(h *handlers) { h.outgoing = handle })
}
