package hub

import (
	"starling/hub/internal/session"
	"starling/wsproto/socketio"
)

// Outgoing is an event on its way to a client, as OnAnyOutgoing is shown it. It is borrowed: it, and what Raw and Values
// return, may be used until the handler returns.
type Outgoing struct {
	Arguments
	name string
}

// Name is the name of the event.
func (o *Outgoing) Name() string { return o.name }

// shows returns what shows the events of a message to OnAnyOutgoing, for one socket after the other; nil if nobody wants to
// see them.
func (n *Namespace) shows(p *session.Prepared) func(*Socket) {
	handle := n.handlers.Load().outgoing
	if handle == nil {
		return nil
	}
	var events []Outgoing
	p.Packets(func(packet []byte, attachments [][]byte) {
		if o, ok := n.readOutgoing(packet, attachments); ok {
			events = append(events, o)
		}
	})
	return func(s *Socket) {
		for i := range events {
			n.show(s, &events[i], handle)
		}
	}
}

// show calls the handler. Its panic costs nothing else.
func (n *Namespace) show(s *Socket, o *Outgoing, handle func(*Socket, *Outgoing)) {
	defer func() {
		if r := recover(); r != nil {
			n.server.workers.panicked(n.name, s, o.name, r)
		}
	}()
	handle(s, o)
}

// readOutgoing reads what was encoded for a client.
func (n *Namespace) readOutgoing(packet []byte, attachments [][]byte) (o Outgoing, ok bool) {
	p := socketio.Packet{Data: packet, Buffers: attachments}
	if parser := n.server.opts.Parser; parser != nil {
		var err error
		if p, err = parser.Parse(packet, true); err != nil {
			return o, false
		}
	} else {
		p.Data = socketio.DataOf(packet)
	}
	name, args, err := n.server.splitEvent(p)
	return Outgoing{n.withoutOffset(args), string(name)}, err == nil
}

// withoutOffset returns the arguments that the application has given.
func (n *Namespace) withoutOffset(args Arguments) Arguments {
	if n.journal == nil {
		return args
	}
	last, rest := args.last()
	var text string
	if last == nil || args.bind(last, &text) != nil || !n.journal.Issued(text) {
		return args
	}
	return rest
}
