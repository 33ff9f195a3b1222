package hub

import (
	"crypto/rand"
	"fmt"
	"slices"

	"starling/hub/internal/recovery"
	"starling/hub/internal/session"
	"starling/wsproto"
	"starling/wsproto/socketio"
)

// Parser is a format of packets other than Socket.IO's own; see Options.Parser.
type Parser = socketio.Parser

// messageBytes is the capacity that an outgoing packet begins with.
const messageBytes = 128

// packet is a packet with a list of values, an event's or an acknowledgement's, encoded but for the offset.
type packet struct {
	// In the standard format.
	message []byte // as session.BeginMessage has begun it
	buffers [][]byte

	// In another one.
	header socketio.Header
	data   []byte
}

// ackID is an acknowledgement's id, if one is wanted.
type ackID struct {
	id     uint64
	wanted bool
}

// encodeEvent encodes an event of a namespace.
func (n *Namespace) encodeEvent(ack ackID, event string, args []any) (p packet, err error) {
	if n.server.opts.Parser == nil {
		p.message, p.buffers, err = socketio.AppendEvent(session.BeginMessage(make([]byte, 0, messageBytes)), n.name, ack.id, ack.wanted, event, args)
		return p, err
	}
	if socketio.ReservedEvent(event) {
		return p, ErrReservedEvent
	}
	return n.encodeBy(socketio.Header{Type: socketio.Event, ID: ack.id, HasID: ack.wanted}, append([]any{event}, args...))
}

// encodeAck encodes an acknowledgement.
func (n *Namespace) encodeAck(id uint64, args []any) (p packet, err error) {
	if n.server.opts.Parser == nil {
		p.message, p.buffers, err = socketio.AppendAck(session.BeginMessage(make([]byte, 0, messageBytes)), n.name, id, args)
		return p, err
	}
	return n.encodeBy(socketio.Header{Type: socketio.Ack, ID: id, HasID: true}, slices.Clone(args)) // so that args may stay on its caller's stack
}

// encodeBy encodes with Options.Parser.
func (n *Namespace) encodeBy(h socketio.Header, values []any) (p packet, err error) {
	h.Namespace = n.name
	p.header = h
	p.data, err = n.server.opts.Parser.AppendData(nil, h.Type, values)
	return p, err
}

// relay makes an event of a payload that another node has encoded.
func (n *Namespace) relay(ack ackID, data []byte, attachments [][]byte) packet {
	if n.server.opts.Parser != nil {
		return packet{header: socketio.Header{Type: socketio.Event, Namespace: n.name, ID: ack.id, HasID: ack.wanted}, data: data}
	}
	head := socketio.Packet{Type: socketio.Event, Namespace: []byte(n.name), ID: ack.id, HasID: ack.wanted, Data: data}
	if len(attachments) > 0 {
		head.Type, head.Attachments = socketio.BinaryEvent, len(attachments)
	}
	return packet{message: socketio.AppendPacket(session.BeginMessage(make([]byte, 0, len(data)+messageBytes)), head), buffers: attachments}
}

// payload is what another node relays.
func (p *packet) payload() (data []byte, attachments [][]byte) {
	if p.data != nil {
		return p.data, nil
	}
	return slices.Clone(socketio.DataOf(p.message[wsproto.HeaderBytesMax+1:])), p.buffers
}

// keptBytes is what a message takes that is kept, beside its bytes.
const keptBytes = 256

// size is about how many bytes the packet takes when it is kept.
func (p *packet) size() int {
	size := keptBytes + cap(p.message) + 2*len(p.data) // which is within the packet too
	for _, b := range p.buffers {
		size += 2 * len(b) // itself, and its frame
	}
	return size
}

// prepare ends the packet and has it kept by to. It is called once.
func (p *packet) prepare(n *Namespace, to *session.Prepared) {
	if parser := n.server.opts.Parser; parser != nil {
		to.PrepareBinary(parser.AppendPacket(nil, p.header, p.data))
	} else {
		to.Prepare(p.message, p.buffers)
	}
}

// blankOffset stands where an offset will stand that is not known yet. Nobody can guess it.
var blankOffset = rand.Text()[:recovery.OffsetBytes]

// prepareToKeep is prepare for a packet with an offset. It returns where that is to be written before anybody sees the packet:
// what can be done without holding the journal is done by now.
func (p *packet) prepareToKeep(n *Namespace, to *session.Prepared) (offset []byte) {
	if n.server.opts.Parser != nil {
		p.header.Offset = blankOffset
	} else {
		p.message = socketio.AppendOffset(p.message, blankOffset)
	}
	p.prepare(n, to)
	return to.Find(blankOffset)
}

// connectAnswer is the payload of the answer to a CONNECT.
type connectAnswer struct {
	SID string `json:"sid"`
	PID string `json:"pid,omitempty"`
}

// refusal is the payload of a CONNECT_ERROR.
type refusal struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// sendConnect tells the client that it is connected.
func (c *client) sendConnect(nsp, sid, pid string) {
	if c.parser() == nil {
		c.Finish(socketio.AppendConnect(c.Begin(), nsp, sid, pid))
		return
	}
	_ = c.sendBy(socketio.Header{Type: socketio.Connect, Namespace: nsp}, connectAnswer{sid, pid}) // cannot fail
}

// sendDisconnect tells the client that it has been disconnected.
func (c *client) sendDisconnect(nsp string) {
	if c.parser() == nil {
		c.Finish(socketio.AppendDisconnect(c.Begin(), nsp))
		return
	}
	_ = c.sendBy(socketio.Header{Type: socketio.Disconnect, Namespace: nsp})
}

// sendRefusal tells the client that it is not let in. Data that cannot be encoded is an error, and nothing is sent.
func (c *client) sendRefusal(nsp string, r refusal) error {
	if c.parser() != nil {
		return c.sendBy(socketio.Header{Type: socketio.ConnectError, Namespace: nsp}, r)
	}
	buf, err := socketio.AppendConnectError(c.Begin(), nsp, r.Message, r.Data)
	if err == nil {
		c.Finish(buf)
	}
	return err
}

// sendBy sends a packet in the format of Options.Parser.
func (c *client) sendBy(h socketio.Header, values ...any) (err error) {
	var data []byte
	if h.Type != socketio.Disconnect {
		if data, err = c.parser().AppendData(nil, h.Type, values); err != nil {
			return err
		}
	}
	if h.Type == socketio.Ack {
		c.shard.counts.acksOut++
	}
	c.SendBinary(c.parser().AppendPacket(nil, h, data))
	return nil
}

func (c *client) parser() Parser { return c.shard.server.opts.Parser }

// parse takes a message in the format of Options.Parser.
func (c *client) parse(message []byte, binary bool) {
	p, err := c.parser().Parse(message, binary)
	if err != nil {
		c.offence(fmt.Errorf("parsing a packet: %w", err))
		return
	}
	c.packet(p)
}

// splitEvent returns the name of an event and its arguments, which alias the packet.
func (s *Server) splitEvent(p socketio.Packet) (name []byte, args Arguments, err error) {
	parser := s.opts.Parser
	if parser == nil {
		name, list, err := socketio.SplitEvent(p.Data)
		return name, Arguments{list: list, buffers: p.Buffers}, err
	}
	values, n := parser.Elements(p.Data)
	if n == 0 {
		return nil, args, socketio.ErrPayloadEvent
	}
	first, rest := parser.Next(values)
	var text socketio.EventName
	if err := parser.Bind(first, &text); err != nil {
		return nil, args, err
	}
	return []byte(text), Arguments{list: rest, parser: parser}, nil
}

// splitAck returns the arguments of an acknowledgement, which alias the packet.
func (n *Namespace) splitAck(data []byte, buffers [][]byte) Arguments {
	if parser := n.server.opts.Parser; parser != nil {
		values, _ := parser.Elements(data)
		return Arguments{list: values, parser: parser}
	}
	return Arguments{list: socketio.SplitAck(data), buffers: buffers}
}

// bind decodes one value of a packet.
func (s *Server) bind(value []byte, v any) error {
	if s.opts.Parser != nil {
		return s.opts.Parser.Bind(value, v)
	}
	return socketio.Bind(value, nil, v)
}
