package session

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"time"

	"starling/eventloop"
	"starling/wsproto"
)

// httpConn is the receiver of a connection that speaks HTTP: one request after the other, until one of them upgrades the
// connection, or is somebody else's business.
//
//	head ─> body, if it is a POST ─> exchange under way ─> answer ─> head …
type httpConn struct {
	table *Table
	conn  *eventloop.Conn
	timer eventloop.Timer

	buf      []byte    // what has arrived and is not used yet
	scanned  int       // bytes of buf in which no head ends
	exchange *exchange // the request that is being read or answered
	answered *exchange // the one before it, until the next request comes: its answer may not have gone yet
	body     *body     // what is arriving of its body, nil if that is whole
	taking   bool      // take is running
	idle     bool      // it has answered, and no byte of another request has come
	over     bool      // the connection is no longer ours
}

var (
	errHandshakeTime = errors.New("session: no complete request in time")
	errDraining      = errors.New("session: server shuts down")
	errServed        = errors.New("session: request answered")
	errUnread        = errors.New("session: answers are not read")
	errPipelined     = errors.New("session: too much sent before the answer to the last request")
)

// OnData is part of eventloop.Receiver.
func (h *httpConn) OnData(_ *eventloop.Conn, b []byte) {
	if len(h.buf) > 0 {
		h.buf = append(h.buf, b...)
		b = h.buf
	}
	h.work(b)
}

// OnClose is part of eventloop.Receiver. An answer of which a part was still to go is lost, as one that was never given: a
// client that polls on without it would not know that something is missing.
func (h *httpConn) OnClose(c *eventloop.Conn, _ error) {
	x, before := h.exchange, h.answered
	h.leave()
	h.answered = nil
	if x != nil {
		x.lost()
	}
	if before != nil && c.Unsent() {
		before.lost()
	}
}

// leave ends our part in the connection, but for the answer that is on its way.
func (h *httpConn) leave() {
	h.over = true
	h.exchange, h.body, h.buf = nil, nil, nil
	h.table.loop.Cancel(&h.timer)
	delete(h.table.conns, h)
}

// Expired is part of eventloop.Expirer: the deadline of a request, or of the wait for one. A deadline does not move while
// bytes arrive, so a client that sends one now and then gains nothing.
func (h *httpConn) Expired(*eventloop.Timer) {
	if h.body != nil || len(h.buf) > 0 {
		h.refuse(bareAnswer(statusTimeout), faultTimeout)
		return
	}
	h.conn.Abort(errHandshakeTime)
}

// work takes what can be taken of b, which is borrowed or is h.buf, and keeps the rest.
func (h *httpConn) work(b []byte) {
	rest := b[h.take(b):]
	switch {
	case h.over:
	case len(rest) == 0:
		h.buf = nil // an idle connection holds nothing
	case h.exchange != nil && len(rest) > pipelinedBytesMax:
		h.conn.Abort(errPipelined)
	default:
		h.buf = append(h.buf[:0], rest...)
	}
}

// take takes one thing after the other off the front of b, and returns how many bytes it has used.
func (h *httpConn) take(b []byte) (used int) {
	h.taking = true
	defer func() { h.taking = false }()
	for used < len(b) && !h.over {
		n := 0
		switch {
		case h.exchange == nil:
			n = h.takeHead(b[used:])
		case h.body != nil:
			n = h.takeBody(b[used:])
		}
		if n == 0 { // incomplete, or behind a request that is being answered
			break
		}
		used += n
	}
	return used
}

// takeHead takes a request head, and what belongs to it if the request is the last thing that we do with the connection.
func (h *httpConn) takeHead(b []byte) (used int) {
	n, err := wsproto.HeadLenFrom(b, h.scanned)
	switch {
	case err != nil:
		h.refuse(wsproto.AppendRefusal(nil, err), err)
		return len(b)
	case n == 0:
		if h.idle {
			h.idle = false
			h.wait(h.table.cfg.HandshakeTime)
		}
		h.scanned = len(b)
		return 0
	}
	h.scanned, h.idle, h.answered = 0, false, nil
	h.table.loop.Cancel(&h.timer)
	h.request(b, n)
	if h.over {
		return len(b)
	}
	return n
}

// wait sets the deadline.
func (h *httpConn) wait(d time.Duration) { h.table.loop.Schedule(&h.timer, d, h) }

// refuse answers what cannot be answered otherwise, and closes. why is told; nil says that it is nobody's business.
func (h *httpConn) refuse(response []byte, why error) {
	x := h.exchange
	var req *http.Request
	if x != nil {
		req = x.request
	}
	if why != nil {
		h.tell(why, req)
	}
	h.leave()
	h.conn.Queue(response)
	h.conn.Close(errServed)
	if x != nil {
		x.lost()
	}
}

// request looks at a complete request head, the first n of the bytes that have arrived.
func (h *httpConn) request(b []byte, n int) {
	head := b[:n]
	target, ok := requestTarget(head)
	if !ok {
		h.refuse(wsproto.AppendRefusal(nil, wsproto.ErrRequestLine), wsproto.ErrRequestLine)
		return
	}
	path, rawQuery, _ := bytes.Cut(target, []byte{'?'})
	file, ours := bytes.CutPrefix(path, []byte(h.table.cfg.Path))
	switch {
	case !ours, h.table.cfg.IsFile != nil && h.table.cfg.IsFile(string(file)):
		h.foreign(b)
	case bytes.Contains(head, usualUpgrade):
		h.upgrade(b, n, rawQuery)
	default:
		h.ordinary(b, n, rawQuery)
	}
}

// usualUpgrade is in all upgrade requests but those of a rare spelling, which take the longer way.
var usualUpgrade = []byte("\r\nUpgrade: websocket\r\n")

// requestTarget returns the second word of the request line.
func requestTarget(request []byte) ([]byte, bool) {
	line, _, _ := bytes.Cut(request, []byte("\r\n"))
	_, line, ok1 := bytes.Cut(line, []byte{' '})
	target, _, ok2 := bytes.Cut(line, []byte{' '})
	return target, ok1 && ok2 && len(target) > 0 && target[0] == '/'
}

// foreign passes on a request that is not ours, and with it the connection. Should a request of ours follow, the
// connection comes back.
func (h *httpConn) foreign(read []byte) {
	to := cmp.Or(h.conn.Home(), h.table.cfg.Foreign)
	if to == nil {
		h.refuse(bareAnswer(statusNotFound), nil)
		return
	}
	h.pass("handing a connection over", h.conn.HandOver(to, read), nil)
}

// moveTo gives the connection to the loop of another table, which begins with the upgrade request anew.
func (h *httpConn) moveTo(t *Table, u *upgrade, read []byte) {
	h.pass("moving a connection", h.conn.MoveTo(t.loop, read), u)
}

// pass ends our part in a connection that somebody else has now, unless err says that it could not be given away. u is the
// request, if it is one of ours.
func (h *httpConn) pass(what string, err error, u *upgrade) {
	switch {
	case err == nil:
		h.leave()
	case errors.Is(err, eventloop.ErrBusy) && u != nil: // the answer to a request before it is still on its way
		h.refuseUpgrade(u, bareAnswer(statusBusy), faultMoving)
	case errors.Is(err, eventloop.ErrBusy):
		h.refuse(bareAnswer(statusBusy), nil)
	default:
		h.table.cfg.Logger.Warn(what, "error", err)
		h.leave() // what came behind is nobody's any more
		h.conn.Abort(err)
	}
}

// ordinary answers a request that does not look like an upgrade, or begins to: the framing is judged here, the rest is read
// by net/http. Upgrades to anything but a WebSocket are ignored (RFC 9110 7.8).
func (h *httpConn) ordinary(b []byte, n int, rawQuery []byte) {
	head := b[:n]
	r, err := wsproto.ParseRequest(head)
	if err != nil {
		h.refuse(wsproto.AppendRefusal(nil, err), err)
		return
	}
	if r.Upgrade && bytes.EqualFold(r.Header("Upgrade"), []byte("websocket")) {
		h.upgrade(b, n, rawQuery)
		return
	}
	req, err := h.table.readRequest(head)
	if err != nil {
		h.refuse(wsproto.AppendRefusal(nil, wsproto.ErrRequestLine), wsproto.ErrRequestLine)
		return
	}
	x := &exchange{conn: h, home: h.table, asked: r.Close, close: r.Close || r.Minor == 0, head: req.Method == http.MethodHead}
	h.exchange, h.body = x, newBody(r, len(b)-n, h.table.cfg.Frames.MessageBytesMax)
	x.keep(req)
	x.serve(req, head, rawQuery)
	if h.exchange == x && h.body != nil {
		h.awaitBody(r)
	}
}

// finish sends the answer to the request under way, and goes on with what has arrived behind it.
func (h *httpConn) finish(x *exchange, response []byte, shared bool) {
	if h.exchange != x {
		return
	}
	if x.fault != nil {
		h.tell(x.fault, x.request)
	}
	x.request = nil
	unread := h.body != nil
	h.exchange, h.answered, h.body = nil, x, nil
	queue := h.conn.Queue
	if shared {
		queue = h.conn.QueueShared
	}
	if queue(response) == eventloop.Dropped {
		h.giveUp(x)
		return
	}
	if x.close || unread || h.table.drained {
		h.end(x.asked && !unread && len(h.buf) == 0)
		return
	}
	h.idle = true
	h.wait(KeepAliveTime)
	if !h.taking && len(h.buf) > 0 {
		h.work(h.buf)
	}
}

// end ends the connection behind its last answer. A large one over a slow line takes its time. brief says that the client
// has nothing more to say.
func (h *httpConn) end(brief bool) {
	h.leave()
	if brief {
		h.conn.Finish(errServed, KeepAliveTime)
	} else {
		h.conn.CloseWithin(errServed, KeepAliveTime)
	}
}

// giveUp cuts a connection whose peer does not read its answers: it would take the next one for the one that did not fit.
// The session hears of it later, since it may be in the middle of answering.
func (h *httpConn) giveUp(x *exchange) {
	h.leave()
	h.conn.Abort(errUnread)
	h.table.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { x.lost() }))
}
