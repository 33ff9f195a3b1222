package session

import (
	"bytes"
	"slices"

	"starling/eventloop"
	"starling/wsproto/engineio"
)

// polling is the transport of a session whose client asks for packets, one request at a time, and sends its own with
// requests beside. It is the session's, and so its loop's; the requests come from connections of any loop.
type polling struct {
	get   *exchange   // the GET that waits for packets, nil if there is none
	post  *exchange   // the POST whose body is on its way
	out   []*Prepared // packets that wait for a GET
	bytes int         // what they count
	probe *probe      // the WebSocket that is to take over, nil if there is none
	ready bool        // listed in Table.ready
	end   Reason      // why the session is over, if its client is still to hear of it
}

// pingMessage is the Engine.IO ping, for sessions that poll. It has no wish to be compressed.
var pingMessage = &Prepared{frames: pingFrame, head: uint8(len(pingFrame) - 1), first: len(pingFrame), plain: true}

// The packets that go to a client that polls without belonging to a message (Engine.IO v4).
var (
	closePacket   = []byte{byte(engineio.Close)}
	noopPacket    = []byte{byte(engineio.Noop)}
	goodbyePacket = []byte{byte(engineio.Noop), engineio.Separator, byte(engineio.Close)}
)

// hold keeps a message until a GET takes it: the one that waits, with all that this iteration brings, or the next one.
func (s *Session) hold(p *Prepared) eventloop.Verdict {
	q := s.poll
	if s.closed {
		return eventloop.Dropped
	}
	n := len(p.frames) + packetBytes
	if q.get == nil && q.bytes > 0 && q.bytes+n > s.table.heldBytesMax() { // else all of it is about to go
		return s.verdict(eventloop.Dropped)
	}
	q.out = append(q.out, p)
	q.bytes += n
	s.table.loop.Hold(n)
	if q.get == nil {
		return eventloop.Queued
	}
	s.table.soon(s)
	return eventloop.Sent
}

// heldBytesMax is what may wait for one client between its GETs: less when the process holds too much.
func (t *Table) heldBytesMax() int {
	if t.loop.Overloaded() {
		return t.cfg.HeldBytesMax / 16
	}
	return t.cfg.HeldBytesMax
}

// drop forgets what waits.
func (q *polling) drop(l *eventloop.Loop) {
	l.Hold(-q.bytes)
	q.out, q.bytes = nil, 0
}

// soon has a waiting GET answered when the work at hand is done, so that one answer carries all that it brings.
func (t *Table) soon(s *Session) {
	if s.poll.ready {
		return
	}
	s.poll.ready = true
	t.ready = append(t.ready, s)
	if len(t.ready) == 1 {
		t.loop.Soon(eventloop.TaskFunc(t.flushReady))
	}
}

func (t *Table) flushReady(*eventloop.Loop) {
	ready := t.ready
	t.ready = t.spare[:0]
	for _, s := range ready {
		if q := s.poll; q != nil {
			q.ready = false
			s.flush()
		}
	}
	clear(ready)
	t.spare = ready
}

// flush answers the GET that waits with the packets that wait, if there are both.
func (s *Session) flush() {
	q := s.poll
	if q.get == nil || len(q.out) == 0 {
		return
	}
	x := q.get
	q.get = nil
	status, body := s.table.response(q.out, x.gzip)
	q.drop(s.table.loop)
	x.answer(s.table, status, body)
}

// response is the answer to a GET that carries the messages.
func (t *Table) response(messages []*Prepared, gzip bool) (status string, body []byte) {
	first := messages[0]
	if len(messages) == 1 {
		body = first.payload()
	} else {
		body = joinPayloads(t.payload[:0], messages)
		t.payload = keepSmall(body)
	}
	switch {
	case !gzip || len(body) < compressedBytesMin || allPlain(messages):
		return statusPackets, body
	case len(messages) == 1:
		return statusGzipped, first.gzippedPayload()
	}
	return statusGzipped, appendGzip(nil, body)
}

// allPlain reports whether none of the messages is to be compressed.
func allPlain(messages []*Prepared) bool {
	return !slices.ContainsFunc(messages, func(p *Prepared) bool { return !p.plain })
}

// poll takes a GET.
func (t *Table) poll(x *exchange) {
	s := t.sessionOf(x)
	if s == nil {
		return
	}
	q := s.poll
	switch {
	case s.closed:
		s.sayGoodbye(x)
	case q.get != nil: // two at once: packets could arrive in any order
		x.refuse(t, faultTwice)
		s.Close(TransportError)
	default:
		if q.get = x; t.cfg.Headers == nil { // one that waits will not be refused any more
			x.request = nil
		}
		s.flush()
		s.release()
	}
}

// release answers a GET that waits for nothing because the session is about to leave polling: the client waits for that
// answer. It must be every GET and not the first alone, since the client may have begun another one before it knew.
func (s *Session) release() {
	q := s.poll
	if q.get != nil && q.probe != nil && q.probe.answered {
		x := q.get
		q.get = nil
		x.answer(s.table, statusPackets, noopPacket)
	}
}

// sessionOf finds the session that a request names. A request that names none, or one that does not poll any more, is
// answered.
func (t *Table) sessionOf(x *exchange) *Session {
	s := t.byID[x.id]
	switch {
	case x.told:
		return nil
	case s == nil:
		x.refuse(t, faultSession)
		return nil
	case s.poll == nil: // upgraded
		x.refuse(t, faultMismatch)
		return nil
	}
	x.session = s
	return s
}

// expect takes the head of a POST whose body is still on its way: it is read only for a session that wants it.
func (t *Table) expect(x *exchange) {
	close := x.close
	x.close = true // if it is answered here, then before its body
	if s := t.sessionOf(x); s != nil && (s.closed || s.claim(x)) {
		x.close = close
		if s.mode&known == 0 {
			x.narrow()
		}
	}
}

// claim makes x the session's POST. Two at once end the session, since packets could arrive in any order.
func (s *Session) claim(x *exchange) bool {
	q := s.poll
	if q.post == nil || q.post == x {
		q.post = x
		return true
	}
	other := q.post
	q.post = nil
	x.refuse(s.table, faultTwice)
	other.close = true
	other.refuse(s.table, faultTwice)
	s.Close(TransportError)
	return false
}

// reject takes a POST that is not going to be read.
func (t *Table) reject(x *exchange, f *fault) {
	x.close = true
	s := t.sessionOf(x)
	if s == nil {
		return
	}
	if s.poll.post == x {
		s.poll.post = nil
	}
	x.refuse(t, f)
	if f == faultBinary {
		s.Close(TransportError)
	}
}

// receive takes a POST with its body, which is borrowed.
func (t *Table) receive(x *exchange, body []byte) {
	s := t.sessionOf(x)
	switch {
	case s == nil:
		return
	case s.closed: // it does not know yet
		x.answer(t, statusReceived, okBody)
		if bytes.Equal(body, closePacket) {
			s.forget()
		}
		return
	case !s.claim(x):
		return
	case len(body) > s.limits().MessageBytesMax: // it came at once
		t.reject(x, faultTooLarge)
		return
	}
	err := s.packets(body)
	if s.poll != nil {
		s.poll.post = nil
	}
	if err != nil {
		x.refuse(t, &fault{head: statusBad, cause: BadRequest, code: noCode, message: err.Error()})
		s.Close(ParseError)
		return
	}
	x.answer(t, statusReceived, okBody)
}

var okBody = []byte("ok")

// packets takes the packets of a body. Those before a bad one count.
func (s *Session) packets(body []byte) error {
	if err := engineio.CheckText(body); err != nil {
		return err
	}
	for payload := engineio.NewPayload(body); !s.closed; {
		p, ok, err := payload.Next()
		if err != nil || !ok {
			return err
		}
		s.packet(p)
	}
	return nil
}

// lost takes the news that a request will not get its answer: what was in it is lost, and so is the session.
func (t *Table) lost(x *exchange) {
	s := x.session
	if s == nil || s.poll == nil {
		return
	}
	q := s.poll
	if q.get == x {
		q.get = nil
	}
	if q.post == x {
		q.post = nil
	}
	x.told = true
	s.Close(TransportError)
}

// leavePolling ends a session that polls.
func (s *Session) leavePolling(reason Reason) {
	q := s.poll
	if q.probe != nil && !(q.probe.answered && reason.tellsLater()) { // else the client waits for nothing but its WebSocket
		q.probe.cancel()
	}
	s.over(reason)
	if reason.tellsLater() {
		q.end = reason
		s.flush()
	}
	if x := q.get; x != nil {
		q.get = nil
		x.answer(s.table, statusPackets, lastPacket(reason))
		s.forget()
		return
	}
	if !reason.tellsLater() {
		s.forget()
		return
	}
	s.table.loop.Schedule(&s.timer, goodbyeTime, s)
}

// lastPacket is what a waiting GET is answered with: a client that has closed needs no news of that.
func lastPacket(reason Reason) []byte {
	if reason == TransportClose {
		return noopPacket
	}
	return closePacket
}

// sayGoodbye answers a GET for a session that we have closed: first with what was still to be said.
func (s *Session) sayGoodbye(x *exchange) {
	s.poll.get = x
	s.flush()
	if s.poll.get != nil {
		s.poll.get = nil
		x.answer(s.table, statusPackets, goodbyePacket)
		s.forget()
	}
}

// forget lets go of a session that polls and is over: its id is unknown from here on.
func (s *Session) forget() {
	t, q := s.table, s.poll
	if q.probe != nil {
		q.probe.cancel()
	}
	t.loop.Cancel(&s.timer)
	delete(t.byID, s.id)
	t.cfg.polling.Add(-1)
	q.drop(t.loop)
	s.poll = nil
}

// keepSmall returns b emptied, or nil if it has grown too large to be kept.
func keepSmall(b []byte) []byte {
	if cap(b) > scratchBytesKeptMax {
		return nil
	}
	return b[:0]
}
