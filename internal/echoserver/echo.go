package main

import (
	"errors"

	"starling/eventloop"
	"starling/wsproto"
)

var (
	errDraining   = errors.New("echoserver: shuts down")
	errPeerCloses = errors.New("echoserver: peer closes")
	errReadsSlow  = errors.New("echoserver: peer does not read its echoes")
)

// echo is the handler of one loop.
type echo struct {
	limits *wsproto.Limits
	peers  map[*eventloop.Conn]*peer
}

// OnOpen is part of eventloop.Handler.
func (e *echo) OnOpen(c *eventloop.Conn) {
	p := &peer{echo: e, reader: wsproto.NewReader(wsproto.Server, e.limits)}
	e.peers[c] = p
	c.SetReceiver(p)
}

// OnDrain is part of eventloop.Handler.
func (e *echo) OnDrain() {
	for c, p := range e.peers {
		if p.upgraded {
			c.Queue(wsproto.AppendClose(nil, wsproto.CloseGoingAway, ""))
		}
		c.Close(errDraining)
	}
}

// peer is the receiver of one connection: of a request head, then of frames.
type peer struct {
	echo     *echo
	head     []byte // what has arrived of the request
	upgraded bool
	reader   wsproto.Reader
}

// OnClose is part of eventloop.Receiver.
func (p *peer) OnClose(c *eventloop.Conn, _ error) { delete(p.echo.peers, c) }

// OnData is part of eventloop.Receiver.
func (p *peer) OnData(c *eventloop.Conn, b []byte) {
	if !p.upgraded {
		b = p.upgrade(c, b)
	}
	for len(b) > 0 && !c.Closing() {
		m, n, err := p.reader.Next(b)
		if err != nil {
			c.Queue(wsproto.AppendClose(nil, wsproto.CloseCodeOf(err), ""))
			c.Close(err)
			return
		}
		b = b[n:]
		answer(c, m)
	}
}

// upgrade answers the request once its head is whole, and returns what came behind it.
func (p *peer) upgrade(c *eventloop.Conn, b []byte) (rest []byte) {
	searched := len(p.head)
	p.head = append(p.head, b...)
	n, err := wsproto.HeadLenFrom(p.head, searched)
	var response []byte
	switch {
	case err != nil:
		response = wsproto.AppendRefusal(nil, err)
	case n == 0:
		return nil
	default:
		response, err = wsproto.Upgrade(nil, p.head[:n], nil)
	}
	c.Queue(response)
	if err != nil {
		c.Close(err)
		return nil
	}
	rest, p.head, p.upgraded = p.head[n:], nil, true
	return rest
}

// answer does what a message asks for. The payload is borrowed, so an echo gets memory of its own, once: the loop writes
// from there.
func answer(c *eventloop.Conn, m wsproto.Message) {
	op := m.Op
	switch op {
	case wsproto.None, wsproto.OpPong:
		return
	case wsproto.OpClose:
		c.Queue(wsproto.EchoClose(nil, m.Payload)) // RFC 6455 5.5.1
		c.Close(errPeerCloses)
		return
	case wsproto.OpPing:
		op = wsproto.OpPong // RFC 6455 5.5.2
	}
	frame := make([]byte, 0, wsproto.HeaderBytesMax+len(m.Payload))
	if c.QueueShared(wsproto.AppendFrame(frame, op, m.Payload)) == eventloop.Dropped {
		c.Close(errReadsSlow) // an echo with a hole would be a lie
	}
}
