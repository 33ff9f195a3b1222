package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"starling/hub/cluster"
	"starling/wsproto/socketio"
)

// ServerEvent is an event that another node has emitted to the servers. It may be kept, and used by one goroutine at a time.
type ServerEvent struct {
	Arguments
	name  string
	reply func(args []any) error // nil: no acknowledgement is wanted (any more)
}

// Name is the name of the event.
func (e *ServerEvent) Name() string { return e.name }

// WantsAck reports whether the other node waits for an acknowledgement that was not given yet.
func (e *ServerEvent) WantsAck() bool { return e.reply != nil }

// Ack acknowledges the event; only the first one counts. It returns ErrAcked when none is wanted, or the error of an argument
// that cannot be encoded: then the other node still waits.
func (e *ServerEvent) Ack(args ...any) error {
	if e.reply == nil {
		return ErrAcked
	}
	err := e.reply(args)
	if err == nil {
		e.reply = nil
	}
	return err
}

// serverHandlers are the handlers of server events.
type serverHandlers struct {
	mu     sync.Mutex
	events map[string]func(*ServerEvent)
}

func (h *serverHandlers) get(event string) func(*ServerEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[event]
}

// OnServerEvent sets the handler of an event that other nodes emit by ServerSideEmit; nil removes it. It runs off the loops,
// one after the other for each namespace, and may block. It panics on a reserved name.
func (n *Namespace) OnServerEvent(event string, handle func(e *ServerEvent)) {
	if reservedServerEvent(event) {
		panic(fmt.Sprintf("hub: server event %q is reserved", event))
	}
	h := &n.serverHandlers
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = maps.Clone(h.events)
	if h.events == nil {
		h.events = map[string]func(*ServerEvent){}
	}
	h.events[event] = handle
}

// reservedServerEvent reports whether the reference server keeps a name for itself.
func reservedServerEvent(event string) bool {
	return event == "connect" || event == "connection" || event == "new_namespace" || socketio.ReservedEvent(event)
}

// ServerSideEmit sends an event to the other servers of the cluster, for the handlers set there with OnServerEvent. The error
// is ErrReservedEvent, says which argument cannot be encoded, or is [cluster.ErrBacklog]. A server that is alone reaches
// nobody.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	m, err := n.serverMessage(event, args)
	if err != nil || n.server.opts.Adapter == nil {
		return err
	}
	return n.server.publish(m)
}

// ServerSideEmitWithAck is ServerSideEmit, and waits for the acknowledgements of all other servers as long as ctx allows. With
// an error that is ctx's, ErrNodeLost, ErrShutdown or [cluster.ErrBacklog] it returns those that have come. A server that
// has no handler for the event, or no such namespace, has no reply among them.
func (n *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Reply, error) {
	m, err := n.serverMessage(event, args)
	if err != nil || n.server.opts.Adapter == nil {
		return nil, err
	}
	a := &serverQuestion{nsp: n}
	a.init(n.server, 0)
	m.Request = n.server.inquiries.begin(a)
	defer n.server.inquiries.end(m.Request)
	a.ask(n.server.opts.Adapter.Nodes)
	lost := n.server.publish(m)
	err = a.wait(ctx)
	return a.replies, errors.Join(err, lost)
}

// serverMessage encodes a server event.
func (n *Namespace) serverMessage(event string, args []any) (*cluster.Message, error) {
	if reservedServerEvent(event) {
		return nil, ErrReservedEvent
	}
	p, err := n.encodeEvent(ackID{}, event, args)
	if err != nil {
		return nil, err
	}
	m := &cluster.Message{Kind: cluster.ServerEmit, Namespace: n.name}
	m.Data, m.Attachments = p.payload()
	return m, nil
}

// serverQuestion waits for the acknowledgements of a server event.
type serverQuestion struct {
	survey
	nsp     *Namespace
	replies []Reply
}

// answer is part of inquiry.
func (a *serverQuestion) answer(m *cluster.Message) {
	a.update(func() {
		if m.Data != nil {
			a.replies = append(a.replies, Reply{a.nsp.splitAck(m.Data, m.Attachments)})
		}
		if m.Last {
			a.finished(m.From)
		}
	})
}

// serverEvent calls the handler of another node's event.
func (n *node) serverEvent(nsp *Namespace, m *cluster.Message) {
	name, args, err := n.splitEvent(socketio.Packet{Data: m.Data, Buffers: m.Attachments})
	if err != nil {
		n.opts.Logger.Error("a server event of another node makes no sense", "node", m.From, "namespace", m.Namespace, "error", err)
		return
	}
	handle := nsp.serverHandlers.get(string(name))
	if handle == nil {
		n.nothing(m)
		return
	}
	e := &ServerEvent{Arguments: args, name: string(name)}
	if m.Request != 0 {
		e.reply = func(args []any) error { return n.ackServerEvent(nsp, m, args) }
	}
	returned := false
	defer func() {
		if !returned { // it has panicked: no answer will come
			n.nothing(m)
		}
	}()
	handle(e)
	returned = true
}

// ackServerEvent acknowledges another node's event.
func (n *node) ackServerEvent(nsp *Namespace, m *cluster.Message, args []any) error {
	p, err := nsp.encodeAck(0, args)
	if err != nil {
		return err
	}
	r := &cluster.Message{Kind: cluster.ServerReply, Last: true}
	r.Data, r.Attachments = p.payload()
	n.reply(m, r)
	return nil
}
