package eventloop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"
)

// Receiver is what a connection's bytes are for: a half-read request head, then a session. All methods are called on the
// connection's loop.
type Receiver interface {
	// OnData is given what has arrived. b is borrowed: it may be changed in place until OnData returns, and is
	// overwritten afterwards. Nothing is called with no bytes.
	OnData(c *Conn, b []byte)
	// OnClose is called once for each connection, whatever ended it, when the connection is no more. cause is io.EOF
	// when the peer closed, what was given to Close or Abort when we did, or the error of the socket.
	OnClose(c *Conn, cause error)
}

// Verdict is the answer to queueing bytes.
type Verdict uint8

// The verdicts.
const (
	// Sent: the bytes leave with the next write of this iteration.
	Sent Verdict = iota
	// Queued: the peer does not keep up; the bytes wait within the connection's bound.
	Queued
	// Dropped: the bytes will not be sent, because the bound is reached or the connection is closing.
	Dropped
)

// Errors given to OnClose.
var (
	// ErrPanic ends a connection whose receiver panicked.
	ErrPanic = errors.New("eventloop: receiver panicked")
	// ErrShed ends a connection with a large backlog when the process is over its bound.
	ErrShed = errors.New("eventloop: cut to free memory: the process holds too many pending bytes")
	// ErrHandedOver ends a connection for the loop because a [Listener] has it now.
	ErrHandedOver = errors.New("eventloop: handed over to a listener")
	// ErrMoved ends a connection for the loop because it goes on as another [Conn] on another loop.
	ErrMoved = errors.New("eventloop: moved to another loop")

	errNoReceiver = errors.New("eventloop: handler set no receiver")
	errRefused    = errors.New("eventloop: refused: too many connections")
)

// Transport is the non-blocking socket beneath a Conn; gnet's in the server, a model in simulations.
type Transport interface {
	// Write sends or buffers all of b. It may close the connection, and say so, before it returns an error.
	Write(b []byte) (int, error)
	// OutboundBuffered is how many bytes Write has buffered and the kernel has not taken yet.
	OutboundBuffered() int
	// RemoteAddr is the peer's address.
	RemoteAddr() net.Addr
	// Dup returns a copy of the descriptor, which the caller owns.
	Dup() (int, error)
}

// state is a set of flags of a Conn.
type state uint16

const (
	dirty       state = 1 << iota // something is queued and a flush is due
	blocked                       // the peer does not keep up; listed in Loop.blocked
	scratchUsed                   // a queued segment lies in the loop's scratch
	closing                       // Close was called; listed in Loop.lingering
	shut                          // our half is closed; waiting for the peer's
	ending                        // to be cut at the end of this callback
	closed                        // the descriptor is no longer ours
	refused                       // beyond the cap: it only gets its refusal
	leaving                       // its place in the cap has gone to a copy of the descriptor
	moved                         // has come from elsewhere in the engine
	brief                         // Finish was called: nothing is awaited behind the last byte
	unsent                        // it has ended with bytes pending
)

// end says how a connection ends.
type end struct {
	cause   error
	by      time.Duration // when it ends at the latest, on the loop's clock, unless the peer takes what is pending
	last    time.Duration // when it ends even then
	pending int           // what was pending when somebody looked last
	then    func()        // if not nil, called when the receiver has heard of the end
}

// Conn is one TCP connection. All methods belong to the goroutine of its loop, and are safe to call on a connection that
// is gone: bytes are dropped, closing does nothing.
type Conn struct {
	// What receiving and sending look at, on one cache line: with thousands of connections each line is a miss.
	state  state
	fd     int32
	queued int // bytes in one or box
	loop   *Loop
	recv   Receiver
	one    []byte // the only queued segment, when there is one

	t   Transport
	end *end // set when somebody has asked for the end
	box *box // all queued segments, when there are several
}

func (c *Conn) is(s state) bool { return c.state&s != 0 }

// Loop is the loop that owns the connection.
func (c *Conn) Loop() *Loop { return c.loop }

// SetReceiver says who gets what arrives from now on, and the news of the close.
func (c *Conn) SetReceiver(r Receiver) { c.recv = r }

// RemoteAddr is the peer's address, or the one that was set instead; nil once the connection is gone.
func (c *Conn) RemoteAddr() net.Addr {
	if c.is(closed) {
		return nil
	}
	return c.t.RemoteAddr()
}

// Blocked reports whether the peer does not keep up: what is queued now will not leave with this iteration.
func (c *Conn) Blocked() bool { return c.is(blocked) }

// Closing reports whether the connection is closed or on its way there.
func (c *Conn) Closing() bool { return c.is(closing | ending | closed) }

// Pending is how many bytes wait to be taken by the kernel.
func (c *Conn) Pending() int {
	if c.is(closed) {
		return 0
	}
	return c.queued + c.t.OutboundBuffered()
}

// Unsent reports whether the connection has ended with bytes pending, which the peer so has not got. Of what the kernel had
// taken nobody knows.
func (c *Conn) Unsent() bool { return c.is(unsent) }

// Queue queues a copy of b, to leave with everything else that is queued on the connection in this iteration. The caller
// keeps b.
func (c *Conn) Queue(b []byte) Verdict {
	if !c.admit(len(b)) {
		return Dropped
	}
	if c.is(blocked) {
		return c.push(bytes.Clone(b))
	}
	return c.push(c.loop.keep(c, b))
}

// QueueShared is Queue without the copy: it keeps a reference to b, which nobody may change any more.
func (c *Conn) QueueShared(b []byte) Verdict {
	if !c.admit(len(b)) {
		return Dropped
	}
	return c.push(b)
}

// admit reports whether n more bytes may be queued. Where nothing is pending one message of any size may: it has to go
// somehow, and its size was bounded by whoever made it.
func (c *Conn) admit(n int) bool {
	if c.is(closing | ending | closed) {
		return false
	}
	if c.queued > 0 && c.queued+n > corkBytesMax && !c.is(blocked) {
		c.loop.flushConn(c) // a long burst within one iteration: find out whether the peer takes it
	}
	if !c.is(blocked) {
		return !c.is(ending | closed)
	}
	return c.Pending()+n+segmentBytes <= c.loop.limits.OutboundBytesPerConnMax
}

// push appends a segment that nobody changes.
func (c *Conn) push(b []byte) Verdict {
	c.queued += len(b)
	switch {
	case len(b) == 0: // nothing to keep
	case c.box != nil:
		c.box.segments = append(c.box.segments, b)
	case c.one == nil:
		c.one = b
	default:
		c.box = c.loop.boxes.get()
		c.box.segments = append(c.box.segments, c.one, b)
		c.one = nil
	}
	if c.is(blocked) {
		return Queued
	}
	c.markDirty()
	return Sent
}

// markDirty has the connection flushed at the end of this callback or iteration.
func (c *Conn) markDirty() {
	if c.is(dirty) {
		return
	}
	c.state |= dirty
	if c.loop.current != c { // the current one is flushed when its callback ends
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Close ends the connection gracefully: nothing more is received or queued, what is pending is sent, then our half is
// closed, and the connection ends when the peer closes its own or at the limit LingerMax. The half-close matters: a
// plain close with unread input makes the kernel send a reset, which can destroy our last words on their way.
func (c *Conn) Close(cause error) { c.CloseWithin(cause, c.loop.limits.LingerMax) }

// CloseWithin is Close with a limit of its own for what is pending, for a peer that may take its time over it. LingerMax
// counts from when all is sent.
func (c *Conn) CloseWithin(cause error, limit time.Duration) {
	if c.is(closing | ending | closed) {
		return
	}
	now := c.loop.now
	c.end = &end{cause: cause, by: now + limit, last: now + max(limit, lingerProgressMax), pending: c.Pending()}
	c.state |= closing
	c.loop.lingering = append(c.loop.lingering, c)
	if !c.is(blocked) {
		c.markDirty()
	}
}

// leave ends the connection for its loop, while a copy of its descriptor goes on and keeps its place in the cap. The
// descriptor itself is closed at once, so that two loops never poll one socket, and so that a task that sends thousands of
// connections away needs no thousands of descriptors more. Its receiver hears of it as of every end, and then is called
// after that.
func (c *Conn) leave(cause error, then func()) {
	c.state |= leaving
	c.quit(cause, then)
}

// quit is leave of a connection that gives its place back.
func (c *Conn) quit(cause error, then func()) {
	c.end = &end{cause: cause, then: then}
	c.cut()
}

// Finish is CloseWithin for a peer that has said its last word: the connection ends as soon as all is sent. That saves a
// half-close and the wait for the peer's; should the peer go on sending, a reset may cost it what it has not read yet.
func (c *Conn) Finish(cause error, limit time.Duration) {
	if !c.is(closing | ending | closed) {
		c.state |= brief
		c.CloseWithin(cause, limit)
	}
}

// Abort ends the connection at the end of the current callback, dropping what is pending.
func (c *Conn) Abort(cause error) {
	if c.is(ending | closed) {
		return
	}
	if c.end == nil {
		c.end = &end{cause: cause}
	}
	c.state |= ending
	c.loop.ending = append(c.loop.ending, c)
}

// cut closes the transport, which answers with closedBelow.
func (c *Conn) cut() {
	if c.is(closed) {
		return
	}
	c.loop.inside++
	err := c.loop.closeTransport(c.t)
	c.loop.inside--
	if err != nil {
		c.loop.log.Warn("closing a connection", "loop", c.loop.index, "error", err)
	}
	if !c.is(closed) { // the transport did not answer: it had no such connection any more
		c.loop.closedBelow(c, nil)
	}
}

// markClosed takes in that the descriptor is gone; from here on nothing touches it.
func (c *Conn) markClosed(cause error) {
	if c.Pending() > 0 {
		c.state |= unsent
	}
	c.state = c.state&^dirty | closed
	c.loop.counts.went()
	if c.end == nil {
		if cause == nil {
			cause = io.EOF
		}
		c.end = &end{cause: cause}
	}
	c.clearQueue()
	switch {
	case c.is(refused):
		c.loop.shared.refusals.Add(-1)
	case !c.is(leaving):
		c.loop.shared.conns.Add(-1)
	}
}

// tellClosed gives the receiver its one OnClose.
func (c *Conn) tellClosed() {
	if c.end.then != nil {
		defer c.end.then()
	}
	r := c.recv
	c.recv = nil
	if r == nil {
		return
	}
	c.loop.inside++
	defer c.loop.rescue(nil)
	r.OnClose(c, c.end.cause)
}
