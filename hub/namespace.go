package hub

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"starling/wsproto/socketio"
)

// Namespace is a set of sockets with handlers of their own: a client is connected to each namespace that it asks for,
// over one connection. Get one with Server.Of.
//
// Handlers are registered once, on the namespace, not on each socket; registering replaces, and concerns what arrives
// from then on. All methods may be called from any goroutine.
type Namespace struct {
	server *Server
	name   string
	index  int // place among the server's namespaces

	nextAck atomic.Uint64

	mu       sync.Mutex // serialises changes of handlers
	handlers atomic.Pointer[handlers]
}

// handlers are what a namespace does; a value never changes once it is published.
type handlers struct {
	middleware []func(*Socket) error
	connect    func(*Socket)
	disconnect func(*Socket, Reason)
	events     map[string]handler
}

// handler handles one event: off the loop or on it.
type handler struct {
	name   string
	off    func(*Socket, *Event)
	onLoop func(*Socket, *Event)
}

func newNamespace(s *Server, name string, index int) *Namespace {
	n := &Namespace{server: s, name: name, index: index}
	n.handlers.Store(&handlers{events: map[string]handler{}})
	return n
}

// Name is the name of the namespace, "/" for the main one.
func (n *Namespace) Name() string { return n.name }

// change publishes handlers that differ.
func (n *Namespace) change(edit func(*handlers)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := *n.handlers.Load()
	h.events = maps.Clone(h.events)
	h.middleware = append([]func(*Socket) error(nil), h.middleware...)
	edit(&h)
	n.handlers.Store(&h)
}

// Use adds a middleware: it is asked, in the order of registration, before a socket is connected, and may block. An error
// refuses the socket; the client's connect_error event gets it, with data if it is a [*ConnectError]. The socket is not
// connected yet: what is emitted to it is lost, what it joins counts once it is.
func (n *Namespace) Use(middleware func(s *Socket) error) {
	n.change(func(h *handlers) { h.middleware = append(h.middleware, middleware) })
}

// OnConnect sets what is called for each socket when it has connected, before any of its events. It may block; the
// socket's events wait for it, nobody else does.
func (n *Namespace) OnConnect(handle func(s *Socket)) {
	n.change(func(h *handlers) { h.connect = handle })
}

// OnDisconnect sets what is called once for each connected socket when it has disconnected, after all of its events. It
// may block. The socket has left its rooms by then.
func (n *Namespace) OnDisconnect(handle func(s *Socket, reason Reason)) {
	n.change(func(h *handlers) { h.disconnect = handle })
}

// On sets the handler of an event. It may block: it runs on a goroutine of its own kind, in order for each socket, and no
// other socket waits for it. A handler that panics loses its event and nothing else. It panics on a reserved name.
func (n *Namespace) On(event string, handle func(s *Socket, e *Event)) {
	n.setEvent(handler{name: event, off: handle})
}

// OnLoop sets the handler of an event, to be run on the loop of its socket: at once, without a goroutine and without a
// copy of the event. It must not block: a loop has thousands of sockets. In order for each socket with other OnLoop
// events; not with On events, which may still be running. It panics on a reserved name.
func (n *Namespace) OnLoop(event string, handle func(s *Socket, e *Event)) {
	n.setEvent(handler{name: event, onLoop: handle})
}

func (n *Namespace) setEvent(h handler) {
	if socketio.ReservedEvent(h.name) {
		panic(fmt.Sprintf("hub: event %q is reserved; use OnConnect and OnDisconnect", h.name))
	}
	n.change(func(hs *handlers) { hs.events[h.name] = h })
}

// Emit sends an event to every socket of the namespace. See [BroadcastOperator.Emit].
func (n *Namespace) Emit(event string, args ...any) error { return n.everyone().Emit(event, args...) }

// To aims at the members of the given rooms. See [BroadcastOperator.To].
func (n *Namespace) To(rooms ...string) BroadcastOperator { return n.everyone().To(rooms...) }

// In is To.
func (n *Namespace) In(rooms ...string) BroadcastOperator { return n.To(rooms...) }

// Except aims at everyone but the members of the given rooms. See [BroadcastOperator.Except].
func (n *Namespace) Except(rooms ...string) BroadcastOperator { return n.everyone().Except(rooms...) }

// Volatile aims at everyone who keeps up. See [BroadcastOperator.Volatile].
func (n *Namespace) Volatile() BroadcastOperator { return n.everyone().Volatile() }

func (n *Namespace) everyone() BroadcastOperator { return BroadcastOperator{nsp: n} }
