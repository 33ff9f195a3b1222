package session

import (
	"errors"
	"io"

	"starling/eventloop"
	"starling/wsproto"
	"starling/wsproto/engineio"
)

// probe is a WebSocket that is to take over a session which polls. It belongs to the session's loop.
//
//	client                          server
//	2probe                     ─>
//	                           <─  3probe, and 6 to each GET, at once and until the end
//	(waits for its GET and POST)
//	5                          ─>  what waits goes out as frames; GET and POST are refused from here on
//
// Whatever else is said ends the attempt, and the session goes on polling.
type probe struct {
	session  *Session
	conn     *eventloop.Conn
	reader   wsproto.Reader
	timer    eventloop.Timer
	answered bool // 2probe has come
	mode     mode
}

var (
	errProbe       = errors.New("session: upgrade failed")
	errUpgradeTime = errors.New("session: upgrade took too long")
)

// startProbe has a WebSocket try to take the session over; response is the answer to its request.
func (s *Session) startProbe(u *upgrade, response []byte) *probe {
	t := s.table
	p := &probe{session: s, conn: u.by.conn, reader: u.reader(&t.cfg.probeFrames), mode: u.mode}
	s.poll.probe = p
	u.by.conn.SetReceiver(p)
	u.by.conn.Queue(response)
	t.scratch = keepSmall(response)
	p.giveTime()
	return p
}

// giveTime is called for each of the two steps that the client has to make. When everybody comes at once, and each step waits behind those of
// thousands, one time for both would be over between them; and a stock client that loses the WebSocket there has stopped to poll, and is
// heard of again only when it misses our pings.
func (p *probe) giveTime() {
	t := p.session.table
	t.loop.Schedule(&p.timer, t.cfg.UpgradeTime, p)
}

// OnData is part of eventloop.Receiver.
func (p *probe) OnData(_ *eventloop.Conn, b []byte) {
	for len(b) > 0 && p.active() {
		m, n, err := p.reader.Next(b)
		if err != nil {
			p.fail(wsproto.CloseCodeOf(err), errProbe)
			return
		}
		b = b[n:]
		p.frame(m)
	}
	if s := p.session; s.conn == p.conn { // it has taken over
		s.OnData(p.conn, b)
	}
}

// active reports whether the attempt goes on.
func (p *probe) active() bool { return p.session.poll != nil && p.session.poll.probe == p }

// frame takes one message or control frame.
func (p *probe) frame(m wsproto.Message) {
	if m.Op != wsproto.None && !p.session.allowsControl() { // 2probe may come again, and be answered, as a ping may
		p.fail(wsproto.ClosePolicy, errProbe)
		return
	}
	switch m.Op {
	case wsproto.None, wsproto.OpPong:
	case wsproto.OpPing:
		p.conn.Queue(wsproto.AppendFrame(p.session.scratch(), wsproto.OpPong, m.Payload))
	case wsproto.OpClose:
		p.conn.Queue(wsproto.EchoClose(p.session.scratch(), m.Payload))
		p.end(io.EOF)
	default:
		p.message(m)
	}
}

// message takes one of the two messages that the client has to say.
func (p *probe) message(m wsproto.Message) {
	packet, err := engineio.ParseText(m.Payload)
	switch {
	case m.Op != wsproto.OpText || err != nil || packet.Binary:
		p.fail(wsproto.CloseNone, errProbe)
	case packet.Type == engineio.Ping && string(packet.Data) == engineio.Probe:
		if !p.answered { // or it could go on saying so for ever
			p.answered = true
			p.giveTime()
		}
		p.conn.Queue(wsproto.AppendFrame(p.session.scratch(), wsproto.OpText, probeAnswer))
		p.session.release()
	case packet.Type == engineio.Upgrade && p.answered:
		p.session.takeOver(p)
	default:
		p.fail(wsproto.CloseNone, errProbe)
	}
}

var probeAnswer = engineio.AppendText(nil, engineio.Pong, []byte(engineio.Probe))

// fail ends the attempt with a close frame.
func (p *probe) fail(code wsproto.CloseCode, cause error) {
	p.conn.Queue(wsproto.AppendClose(p.session.scratch(), code, ""))
	p.end(cause)
}

// cancel ends the attempt because the session is over.
func (p *probe) cancel() { p.fail(wsproto.CloseNone, errProbe) }

// end ends the attempt. The session goes on polling.
func (p *probe) end(cause error) {
	p.detach()
	p.conn.Close(cause)
}

func (p *probe) detach() {
	p.session.table.loop.Cancel(&p.timer)
	if p.active() {
		p.session.poll.probe = nil
	}
}

// Expired is part of eventloop.Expirer.
func (p *probe) Expired(*eventloop.Timer) { p.fail(wsproto.CloseNone, errUpgradeTime) }

// OnClose is part of eventloop.Receiver.
func (p *probe) OnClose(*eventloop.Conn, error) { p.detach() }

// sayGoodbye says what was still to be said by a session that has ended during the attempt.
func (p *probe) sayGoodbye() {
	s := p.session
	for _, m := range s.poll.out {
		p.conn.QueueShared(m.framesFor(p.mode))
	}
	p.fail(s.poll.end.CloseCode(), errProbe)
	s.forget()
}

// takeOver makes the WebSocket the session's transport.
func (s *Session) takeOver(p *probe) {
	if s.closed {
		p.sayGoodbye()
		return
	}
	t, q := s.table, s.poll
	p.detach()
	waiting := q.out
	q.drop(t.loop)
	t.cfg.polling.Add(-1)
	t.stats.Polling--
	t.stats.Upgraded++
	s.poll = nil
	s.conn, s.reader, s.mode = p.conn, p.reader, s.mode|p.mode
	s.reader.SetLimits(s.limits())
	s.conn.SetReceiver(s)
	for _, m := range waiting {
		s.Send(m, false)
	}
	if s.awaiting { // the pong may be on its way since the last POST
		s.mode |= untimed
		s.beat = t.loop.Now() + t.cfg.PingTimeout
		s.reschedule()
	}
}
