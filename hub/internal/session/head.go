package session

import (
	"bytes"
	"errors"
	"net/url"
	"strconv"

	"starling/eventloop"
	"starling/wsproto"
	"starling/wsproto/engineio"
)

// head is the receiver of a connection that has not become a session: it collects the request head.
type head struct {
	table *Table
	conn  *eventloop.Conn
	timer eventloop.Timer
	buf   []byte // what has arrived, when the head came in pieces
}

var (
	errHandshakeTime = errors.New("session: no complete request in time")
	errDraining      = errors.New("session: server shuts down")
	errServed        = errors.New("session: request answered")
)

// OnData is part of eventloop.Receiver.
func (h *head) OnData(c *eventloop.Conn, b []byte) {
	scanned := len(h.buf)
	if scanned > 0 {
		h.buf = append(h.buf, b...)
		b = h.buf
	}
	n, err := wsproto.HeadLenFrom(b, scanned)
	switch {
	case err != nil:
		h.refuse(wsproto.AppendRefusal(nil, err))
	case n > 0:
		h.done()
		h.serve(b[:n], b[n:])
	case scanned == 0:
		h.buf = append(h.buf, b...)
	}
}

// OnClose is part of eventloop.Receiver.
func (h *head) OnClose(*eventloop.Conn, error) { h.done() }

// done ends the wait for the request head.
func (h *head) done() {
	h.table.loop.Cancel(&h.timer)
	delete(h.table.heads, h)
}

// Expired is part of eventloop.Expirer: the deadline of the handshake, counted from accept, so that a client that sends a
// byte now and then gains nothing.
func (h *head) Expired(*eventloop.Timer) {
	if len(h.buf) > 0 {
		h.refuse([]byte("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
		return
	}
	h.conn.Abort(errHandshakeTime)
}

// refuse answers and closes.
func (h *head) refuse(response []byte) {
	h.done()
	h.conn.Queue(response)
	h.conn.Close(errServed)
}

// serve answers a complete request head; rest is what came behind it.
func (h *head) serve(request, rest []byte) {
	target, ok := requestTarget(request)
	if !ok {
		h.refuse(wsproto.AppendRefusal(nil, wsproto.ErrRequestLine))
		return
	}
	path, rawQuery, _ := bytes.Cut(target, []byte{'?'})
	if !bytes.HasPrefix(path, []byte(h.table.cfg.Path)) {
		h.foreign(request, rest)
		return
	}
	q, err := parseQuery(rawQuery)
	if err != nil {
		h.refuse(appendCode(nil, engineio.BadRequest))
		return
	}
	if !asksForUpgrade(request) {
		h.refuse(appendCode(nil, q.codeWithoutUpgrade()))
		return
	}
	h.upgrade(request, rest, q)
}

// asksForUpgrade looks for an Upgrade header, in the spelling that everybody uses before any other.
func asksForUpgrade(request []byte) bool {
	return bytes.Contains(request, []byte("\r\nUpgrade:")) || bytes.Contains(bytes.ToLower(request), []byte("\r\nupgrade:"))
}

// foreign passes on a request outside of our path.
func (h *head) foreign(request, rest []byte) {
	if h.table.cfg.Foreign == nil {
		h.refuse([]byte("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
		return
	}
	if err := h.conn.HandOver(h.table.cfg.Foreign, append(request[:len(request):len(request)], rest...)); err != nil {
		h.table.cfg.Logger.Warn("handing a connection over", "error", err)
		h.conn.Abort(err)
	}
}

// upgrade answers an upgrade request and starts the session.
func (h *head) upgrade(request, rest []byte, q query) {
	t := h.table
	response, err := wsproto.Upgrade(t.scratch[:0], request, func(hs *wsproto.Handshake) error { return t.decide(hs, q) })
	if err != nil {
		h.refuse(response)
		return
	}
	s := t.start(Request{Conn: h.conn, Head: request}, q, response)
	if len(rest) > 0 {
		s.OnData(h.conn, rest)
	}
}

// decide checks an upgrade request in the order of the reference server (reference: Engine.IO server, verify).
func (t *Table) decide(hs *wsproto.Handshake, q query) error {
	switch {
	case q.transport != "websocket":
		return refusalOf(engineio.UnknownTransport)
	case q.sid != "":
		return refusalOf(engineio.UnknownSession) // there are no sessions to upgrade: polling is not offered
	case q.version != engineio.ProtocolVersion:
		return refusalOf(engineio.UnsupportedProtocol)
	case t.cfg.Busy():
		hs.AddHeader("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		return &wsproto.Refusal{Status: 503, Body: "server is busy"}
	}
	return nil
}

// refusalOf refuses an upgrade with a code of Engine.IO: its text alone, always with status 400.
func refusalOf(code engineio.ErrorCode) error {
	return &wsproto.Refusal{Status: 400, Body: code.Message()}
}

// appendCode appends the response to a request that is not an upgrade: the code and its text as JSON.
func appendCode(dst []byte, code engineio.ErrorCode) []byte {
	body := engineio.AppendError(nil, code, "")
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(code.Status()), 10)
	dst = append(dst, " Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

// requestTarget returns the second word of the request line.
func requestTarget(request []byte) ([]byte, bool) {
	line, _, _ := bytes.Cut(request, []byte("\r\n"))
	_, line, ok1 := bytes.Cut(line, []byte{' '})
	target, _, ok2 := bytes.Cut(line, []byte{' '})
	return target, ok1 && ok2 && len(target) > 0 && target[0] == '/'
}

// query is what the query of a request says about Engine.IO.
type query struct {
	version   string // EIO
	transport string
	sid       string
	base64    bool // b64: the client cannot take binary frames
}

// parseQuery reads a query. Of a key that occurs more than once the last one counts, as with the reference server.
func parseQuery(raw []byte) (q query, err error) {
	if len(raw) > queryBytesMax {
		return q, errors.New("session: query too long")
	}
	for len(raw) > 0 {
		var pair []byte
		pair, raw, _ = bytes.Cut(raw, []byte{'&'})
		key, value, _ := bytes.Cut(pair, []byte{'='})
		if len(key) == 0 {
			continue
		}
		v, err := url.QueryUnescape(string(value))
		if err != nil {
			return q, err
		}
		switch string(key) {
		case "EIO":
			q.version = v
		case "transport":
			q.transport = v
		case "sid":
			q.sid = v
		case "b64":
			q.base64 = v != ""
		}
	}
	return q, nil
}

// codeWithoutUpgrade is what an ordinary request is refused with: polling is not offered.
func (q query) codeWithoutUpgrade() engineio.ErrorCode {
	if q.transport == "websocket" {
		return engineio.BadRequest
	}
	return engineio.UnknownTransport
}
