package flood

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"starling/wsproto"
)

// Protocol is what is spoken on top of WebSocket.
type Protocol string

// The protocols.
const (
	SocketIO   Protocol = "socketio"   // Socket.IO v5 over Engine.IO v4
	Raw        Protocol = "raw"        // nothing: a connection is open once it is upgraded
	Centrifuge Protocol = "centrifuge" // Centrifugo's bidirectional client protocol in JSON
)

// speech is a connection's Protocol, in a byte.
type speech uint8

const (
	rawSpeech speech = iota
	socketIOSpeech
	centrifugeSpeech
	callSpeech // HTTP, and never upgraded
)

func speechOf(p Protocol) speech {
	switch p {
	case SocketIO:
		return socketIOSpeech
	case Centrifuge:
		return centrifugeSpeech
	}
	return rawSpeech
}

// Target is where a loop's connections go. It is shared by loops and does not change.
type Target struct {
	Addr     netip.AddrPort
	Host     string // for the Host header
	Path     string
	Protocol Protocol // of connections that are given none of their own
	// Connect, if set, makes the Socket.IO CONNECT packet of the connection of that number, its Engine.IO type in front: one with a
	// payload, in which clients prove who they are. Without it the packet has none.
	Connect func(number uint32) []byte
	request []byte // the whole upgrade request
}

// UpgradeKey is the Sec-WebSocket-Key of all connections (RFC 6455 4.1: 16 bytes in base64). It only has to prove that the server
// read it, and one request for all needs no work for each.
const UpgradeKey = "c3RhcmxpbmctYmVuY2gtMQ=="

// NewTarget completes a target.
func NewTarget(addr netip.AddrPort, host, path string, p Protocol) *Target {
	t := &Target{Addr: addr, Host: host, Path: path, Protocol: p}
	if p == SocketIO {
		path += "?EIO=4&transport=websocket"
	}
	t.request = wsproto.AppendUpgradeRequest(nil, host, path, UpgradeKey)
	return t
}

// consume takes apart what was read. The handler may close the connection at any message.
func (l *Loop) consume(c *Conn, in []byte) {
	if c.state == answering {
		l.answer(c, in, false)
		return
	}
	if c.speech == callSpeech {
		l.replied(c, in)
		return
	}
	if c.state == upgrading {
		in = l.upgrade(c, in)
	}
	for len(in) > 0 && c.state != closed {
		m, n, err := c.reader.Next(in)
		if err != nil {
			l.fail(c, err)
			return
		}
		in = in[n:]
		l.message(c, m)
	}
}

// upgrade checks the server's answer and returns what follows it. An answer that has not come whole is kept until it has.
func (l *Loop) upgrade(c *Conn, in []byte) []byte {
	if before, begun := l.heads[c.slot]; begun {
		in = append(before, in...)
	}
	end, err := wsproto.HeadLen(in)
	if err == nil && end == 0 {
		l.heads[c.slot] = append([]byte(nil), in...)
		return nil
	}
	delete(l.heads, c.slot)
	if err == nil {
		err = checkResponse(in[:end])
	}
	if err != nil {
		l.fail(c, err)
		return nil
	}
	c.state = waiting
	switch c.speech {
	case rawSpeech:
		c.state = open
		c.handler.Opened(c)
	case centrifugeSpeech:
		l.introduce(c)
	}
	return in[end:]
}

// checkResponse names the status of a refusal, which says more than that it was one.
func checkResponse(head []byte) error {
	err := wsproto.CheckUpgradeResponse(head, UpgradeKey)
	if fields := bytes.Fields(head[:min(len(head), 64)]); err != nil && len(fields) > 1 {
		if status, notNumber := strconv.Atoi(string(fields[1])); notNumber == nil && status != 101 {
			return StatusError(status)
		}
	}
	return err
}

func (l *Loop) message(c *Conn, m wsproto.Message) {
	switch m.Op {
	case wsproto.OpText, wsproto.OpBinary:
		switch c.speech {
		case socketIOSpeech:
			l.packet(c, m.Payload)
		case centrifugeSpeech:
			l.replies(c, m.Payload)
		default:
			c.handler.Message(c, m.Payload)
		}
	case wsproto.OpPing:
		l.write(c, wsproto.AppendMaskedFrame(nil, wsproto.OpPong, l.mask, m.Payload))
	case wsproto.OpClose:
		l.fail(c, closeCause(m.Payload))
	}
}

func closeCause(payload []byte) error {
	if len(payload) < 2 {
		return ErrPeerClosed
	}
	return fmt.Errorf("%w with code %d", ErrPeerClosed, int(payload[0])<<8|int(payload[1]))
}

// packet handles an Engine.IO v4 packet: what is the connection's own here, events and acks at the handler.
func (l *Loop) packet(c *Conn, p []byte) {
	if len(p) == 0 {
		l.fail(c, ErrUnexpected)
		return
	}
	switch p[0] {
	case '0': // open: ask for the namespace
		l.expect(c, waiting, joining)
		l.join(c)
	case '2': // ping
		l.write(c, l.pong)
	case '4':
		l.socketPacket(c, p)
	case '1': // close
		l.fail(c, ErrPeerClosed)
	}
}

// join asks for the namespace.
func (l *Loop) join(c *Conn) {
	if l.target.Connect == nil {
		l.write(c, l.connect)
	} else {
		l.Send(c, l.target.Connect(c.number))
	}
}

// socketPacket handles a Socket.IO v5 packet with its Engine.IO type still in front.
func (l *Loop) socketPacket(c *Conn, p []byte) {
	if len(p) < 2 {
		l.fail(c, ErrUnexpected)
		return
	}
	switch p[1] {
	case '2', '3', '5', '6': // events and acks
		c.handler.Message(c, p)
	case '0': // CONNECT
		l.joined(c, p[2:])
	case '1': // DISCONNECT
		l.fail(c, ErrPeerClosed)
	case '4': // CONNECT_ERROR
		l.fail(c, fmt.Errorf("%w: %s", ErrRefused, p[2:]))
	}
}

// joined opens a connection whose namespace the server has connected.
func (l *Loop) joined(c *Conn, connect []byte) {
	if !l.expect(c, joining, open) {
		return
	}
	if g, ok := c.handler.(Greeter); ok {
		g.Greeted(c, connect)
	}
	if c.state == open {
		c.handler.Opened(c)
	}
}

// expect goes on to the next state of the handshake, or fails the connection if the packet does not belong there.
func (l *Loop) expect(c *Conn, now, next state) bool {
	if c.state != now {
		l.fail(c, ErrUnexpected)
		return false
	}
	c.state = next
	return true
}
