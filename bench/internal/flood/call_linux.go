package flood

import (
	"errors"
	"fmt"
	"net/netip"
)

// Caller is a Handler of connections for HTTP requests in turn (see Call). Of those Opened says that the first has been answered
// with status 200, and Message is called for each line of the replies behind it that have this status.
type Caller interface {
	Handler
	// Refused is called for each reply of another status, with the beginning of its body, which is the loop's and valid until Refused
	// returns. The handler may write and close.
	Refused(c *Conn, status int, body []byte)
}

// ReplyError is the reply to the first request if that was refused, or to one that goes on.
type ReplyError struct {
	Status int
	Body   string // its beginning
}

// Error has the status and what the server says of it.
func (e ReplyError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Body) }

// ErrReplyEnded means that the server has ended the reply to a request that goes on.
var ErrReplyEnded = errors.New("reply ended by the server")

// call is what is kept of a connection for requests, besides the connection.
type call struct {
	reader  replyReader
	streams bool // its last request goes on
}

// Call begins a connection for HTTP/1.1 requests, which stays, to any server: it need not be the loop's target. The first request is
// sent at once, and is copied if it has to wait. Further ones are sent by Write, each when the caller likes, whether or not those
// before it have been answered (RFC 9112 9.3.2). For the rest it is like Dial; the source address is the system's choice.
func (l *Loop) Call(to netip.AddrPort, request []byte, number uint32, h Caller) (*Conn, error) {
	c, err := l.start(Conn{handler: h, number: number, next: waiting, speech: callSpeech}, to, request, netip.Addr{})
	if err == nil {
		l.calls[c.slot] = &call{}
	}
	return c, err
}

// Write sends bytes as they are over an open connection for requests. They are copied if they have to wait.
func (l *Loop) Write(c *Conn, b []byte) {
	if len(b) > 0 {
		l.write(c, b)
	}
}

// Stream sends the head of a request that goes on as long as the connection does, and so must its reply: if that ends, or is not of
// status 200, the connection is closed. It may be called when all requests before it have been answered.
func (l *Loop) Stream(c *Conn, head []byte) {
	if c.state != closed {
		l.calls[c.slot].streams = true
		l.write(c, head)
	}
}

// replied takes apart what has come of replies. The handler may close the connection at any part.
func (l *Loop) replied(c *Conn, in []byte) {
	one := l.calls[c.slot]
	for c.state != closed {
		p, n, err := one.reader.next(in)
		in = in[n:]
		switch {
		case err != nil:
			l.fail(c, err)
		case p.kind == nothing:
			return
		default:
			l.replyPart(c, one, p)
		}
	}
}

func (l *Loop) replyPart(c *Conn, one *call, p replyPart) {
	switch {
	case p.kind == refused && (c.state == waiting || one.streams):
		l.fail(c, ReplyError{p.status, string(p.text)})
	case p.kind == refused:
		c.handler.(Caller).Refused(c, p.status, p.text)
	case p.kind == line && c.state == open:
		c.handler.Message(c, p.text)
	case p.kind == over && one.streams:
		l.fail(c, ErrReplyEnded)
	case p.kind == over && c.state == waiting:
		c.state = open
		c.handler.Opened(c)
	}
}

// hungUp is for a connection that the server has closed, which may be the end of a reply.
func (l *Loop) hungUp(c *Conn) {
	if one := l.calls[c.slot]; one != nil && one.reader.hangUp() {
		l.replied(c, nil)
	}
	l.fail(c, ErrPeerClosed)
}
