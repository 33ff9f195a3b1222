package session

import (
	"bytes"
	"errors"
	"io"
	"time"

	"starling/eventloop"
	"starling/wsproto"
	"starling/wsproto/engineio"
)

// Session is one Engine.IO session: over a WebSocket, or polled by its client and perhaps going on over a WebSocket later.
// It is embedded in its Upper. All methods belong to its loop, and after its end they do nothing.
type Session struct {
	// What each frame looks at comes first, on one cache line as a rule.
	closed bool
	mode   mode
	trip   trip  // of the last heartbeat
	at     int32 // place in the table's list
	table  *Table
	conn   *eventloop.Conn // the WebSocket, nil while it is polled
	reader wsproto.Reader
	upper  Upper
	poll   *polling // not nil while it is polled

	beat  time.Duration // when the next ping, or the awaited pong, is due
	due   time.Duration // the deadline of the Upper, 0 if there is none
	timer eventloop.Timer

	control  bucket // packets and frames that mean nothing
	messages bucket

	id       ID
	awaiting bool // a ping is out
}

// mode is a set of what is agreed on with the client, and of what has become of it.
type mode uint8

const (
	textOnly   mode = 1 << iota // attachments go as base64 text
	compressed                  // large frames go compressed
	polled                      // it began by polling, and is known by its id
	slow                        // it is about to be closed as a slow consumer
	untimed                     // the heartbeat that is awaited has changed its transport on the way
	known                       // the Upper has let its client in
)

// Conn is the WebSocket beneath, whoever may own it by now; nil while the session is polled.
func (s *Session) Conn() *eventloop.Conn { return s.conn }

// Table is the table that the session belongs to.
func (s *Session) Table() *Table { return s.table }

// pingFrame is the Engine.IO ping, which is all that most sessions ever get.
var pingFrame = []byte{0x81, 1, byte(engineio.Ping)}

// OnData is part of eventloop.Receiver: it takes frames.
func (s *Session) OnData(_ *eventloop.Conn, b []byte) {
	for len(b) > 0 && !s.closed {
		m, n, err := s.reader.Next(b)
		if err != nil {
			s.end(TransportError, wsproto.CloseCodeOf(err))
			return
		}
		b = b[n:]
		s.frame(m)
	}
}

// frame takes one message or control frame.
func (s *Session) frame(m wsproto.Message) {
	switch m.Op {
	case wsproto.OpText:
		s.text(m.Payload)
	case wsproto.OpBinary:
		s.message(m.Payload, true)
	case wsproto.OpPong:
		s.idle()
	case wsproto.OpPing:
		if s.idle(); !s.closed && !s.conn.Blocked() { // RFC 6455 5.5.3 lets us answer only the last of several; a peer that does not read gets none
			s.queue(wsproto.AppendFrame(s.scratch(), wsproto.OpPong, m.Payload))
		}
	case wsproto.OpClose:
		s.queue(wsproto.EchoClose(s.scratch(), m.Payload)) // RFC 6455 5.5.1
		s.finish(TransportClose)
	}
}

// text takes an Engine.IO packet of a text frame.
func (s *Session) text(b []byte) {
	p, err := engineio.ParseText(b)
	if err != nil {
		s.Close(ParseError)
		return
	}
	s.packet(p)
}

// packet takes an Engine.IO packet.
func (s *Session) packet(p engineio.Packet) {
	switch {
	case p.Binary || p.Type == engineio.Message:
		s.message(p.Data, p.Binary)
	case p.Type == engineio.Pong && s.awaiting:
		s.pong()
	case p.Type == engineio.Ping: // Engine.IO v4: pings are the server's
		s.Close(TransportError)
	case p.Type == engineio.Close: // over a WebSocket the reference server ignores it and waits for the ping timeout
		s.Close(TransportClose)
	default: // a pong that nobody waits for, and what means nothing here
		s.idle()
	}
}

// pong ends the wait for one.
func (s *Session) pong() {
	s.awaiting = false
	if s.mode&untimed == 0 {
		s.trip = tripOf(s.table.loop.Clock() - (s.beat - s.table.cfg.PingTimeout))
	}
	s.mode &^= untimed
	s.beat = s.table.loop.Now() + s.table.cfg.PingInterval
	s.reschedule()
}

// Expired is part of eventloop.Expirer.
func (s *Session) Expired(*eventloop.Timer) {
	if s.closed { // its client has not come to hear of it
		s.forget()
		return
	}
	now := s.table.loop.Now()
	if s.due != 0 && now >= s.due {
		s.due = 0
		s.upper.OnDeadline()
	}
	if !s.closed && now >= s.beat {
		s.heartbeat(now)
	}
	if !s.closed {
		s.reschedule()
	}
}

// heartbeat sends a ping, or ends the session whose pong did not come.
func (s *Session) heartbeat(now time.Duration) {
	if s.awaiting {
		s.Close(PingTimeout)
		return
	}
	s.awaiting = true
	s.beat = now + s.table.cfg.PingTimeout
	if s.poll != nil {
		s.hold(pingMessage)
	} else {
		s.share(pingFrame)
	}
}

// Known tells that the Upper has let the client in: from now on its messages may have their full size. Before, whoever can
// open connections could have us keep as much for each of them.
func (s *Session) Known() {
	s.mode |= known
	s.reader.SetLimits(s.limits())
}

// limits are those of the client's messages.
func (s *Session) limits() *wsproto.Limits {
	if s.mode&known == 0 {
		return &s.table.cfg.strangersFrames
	}
	return &s.table.cfg.Frames
}

// SetDeadline asks for the Upper's OnDeadline after d; 0 asks for none.
func (s *Session) SetDeadline(d time.Duration) {
	s.due = 0
	if d > 0 {
		s.due = s.table.loop.Now() + d
	}
	s.reschedule()
}

// reschedule sets the one timer to whatever comes first.
func (s *Session) reschedule() {
	if s.closed {
		return
	}
	next := s.beat
	if s.due != 0 {
		next = min(next, s.due)
	}
	s.table.loop.Schedule(&s.timer, next-s.table.loop.Now(), s)
}

// scratch is memory for bytes that are queued, and so copied, at once.
func (s *Session) scratch() []byte { return s.table.scratch[:0] }

// Begin starts a message for this session alone, in scratch memory; the caller appends the packet and gives it to Finish
// before anything else is sent.
func (s *Session) Begin() []byte { return BeginMessage(s.scratch()) }

// Finish sends a message that Begin has started.
func (s *Session) Finish(buf []byte) eventloop.Verdict {
	s.table.scratch = keepSmall(buf)
	switch {
	case s.poll != nil:
		m := new(Prepared)
		m.Prepare(bytes.Clone(buf), nil)
		return s.hold(m)
	case s.closed:
		return eventloop.Dropped
	case s.mode&compressed != 0 && len(buf)-wsproto.HeaderBytesMax >= compressedBytesMin:
		return s.share(wsproto.AppendDeflatedFrame(nil, wsproto.OpText, buf[wsproto.HeaderBytesMax:]))
	}
	return s.queue(wsproto.PrependHeader(buf, wsproto.OpText))
}

// SendBinary sends a binary message to this session alone. See [Prepared.PrepareBinary]; message stays the caller's.
func (s *Session) SendBinary(message []byte) eventloop.Verdict {
	switch {
	case s.poll != nil:
		m := new(Prepared)
		m.PrepareBinary(message)
		return s.hold(m)
	case s.closed:
		return eventloop.Dropped
	}
	buf := appendBinary(s.scratch(), message, s.mode)
	s.table.scratch = keepSmall(buf)
	return s.queue(buf)
}

// queue sends a copy of frames.
func (s *Session) queue(frames []byte) eventloop.Verdict {
	return s.verdict(s.conn.Queue(frames))
}

// share sends frames that nobody changes any more.
func (s *Session) share(frames []byte) eventloop.Verdict {
	return s.verdict(s.conn.QueueShared(frames))
}

// Send sends a prepared message, by reference. A volatile one is dropped when the peer does not keep up; any other one
// that does not fit the connection's bound ends the session.
func (s *Session) Send(p *Prepared, volatile bool) eventloop.Verdict {
	if s.conn == nil {
		return s.sendPolling(p, volatile)
	}
	if volatile && s.conn.Blocked() {
		return eventloop.Dropped
	}
	frames := p.frames
	if s.mode&(textOnly|compressed) != 0 {
		frames = p.framesFor(s.mode)
	}
	if volatile { // that it does not fit may come out only now, and is no reason to end the session either
		return s.conn.QueueShared(frames)
	}
	return s.share(frames)
}

// sendPolling is Send while the session is polled: a peer that has no GET waiting does not keep up.
func (s *Session) sendPolling(p *Prepared, volatile bool) eventloop.Verdict {
	if s.poll == nil || volatile && s.poll.get == nil {
		return eventloop.Dropped
	}
	return s.hold(p)
}

// verdict sees to it that a session which lost something does not go on as if nothing had happened. It ends after the
// current task, because the sender may be in the middle of a room.
func (s *Session) verdict(v eventloop.Verdict) eventloop.Verdict {
	if v == eventloop.Dropped && !s.closed && s.mode&slow == 0 && (s.conn == nil || !s.conn.Closing()) {
		s.mode |= slow
		s.table.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { s.Close(SlowConsumer) }))
	}
	return v
}

// Close ends the session: the peer gets a close frame, the connection is closed gracefully.
func (s *Session) Close(reason Reason) { s.end(reason, reason.CloseCode()) }

// end closes with a code of its own.
func (s *Session) end(reason Reason, code wsproto.CloseCode) {
	switch {
	case s.closed:
		return
	case s.conn == nil:
		s.leavePolling(reason)
		return
	}
	s.conn.Queue(wsproto.AppendClose(s.scratch(), code, ""))
	s.finish(reason)
}

// finish ends the session when its last frame is queued.
func (s *Session) finish(reason Reason) {
	if s.closed {
		return
	}
	s.conn.Close(reason)
	s.over(reason)
}

// over lets go of the session and tells the Upper.
func (s *Session) over(reason Reason) {
	s.closed = true
	s.table.loop.Cancel(&s.timer)
	s.table.remove(s)
	s.table.stats.Closed[reason]++
	if s.poll != nil {
		s.table.stats.Polling--
	}
	if s.mode&polled != 0 && s.poll == nil {
		delete(s.table.byID, s.id)
	}
	s.upper.OnClose(reason)
}

// OnClose is part of eventloop.Receiver: the connection is gone, with or without our doing.
func (s *Session) OnClose(_ *eventloop.Conn, cause error) {
	if !s.closed {
		s.over(reasonOf(cause))
	}
}

// reasonOf translates what ended a connection.
func reasonOf(cause error) Reason {
	switch {
	case errors.Is(cause, io.EOF): // gnet wraps it
		return TransportClose
	case errors.Is(cause, eventloop.ErrShutdown):
		return ServerShutdown
	case errors.Is(cause, eventloop.ErrShed):
		return SlowConsumer
	}
	return TransportError
}
