package session

import (
	"bufio"
	"bytes"
	"net/http"
	"strconv"

	"starling/eventloop"
	"starling/hub/internal/edge"
	"starling/wsproto"
	"starling/wsproto/engineio"
)

// upgrade answers an upgrade request: with it a session begins, or one that polls is to go on over the WebSocket. For
// that the connection has to be on the session's loop.
func (h *httpConn) upgrade(b []byte, n int, rawQuery []byte) {
	head, rest := b[:n], b[n:]
	u := upgrade{table: h.table, conn: h.conn, head: head}
	if u.query, u.fault = parseQuery(rawQuery); u.query.sid != "" && u.fault == nil {
		if id, ok := parseID(u.query.sid); ok {
			u.id = id
			if owner := h.table.tableOf(id); owner != nil && owner != h.table {
				h.moveTo(owner, b)
				return
			}
		}
	}
	response, err := wsproto.Upgrade(h.table.scratch[:0], head, u.decide)
	if err != nil {
		h.refuse(response)
		return
	}
	h.leave()
	if u.session == nil {
		s := h.table.startWebSocket(&u, response)
		s.OnData(h.conn, rest)
		return
	}
	p := u.session.startProbe(&u, response)
	if len(rest) > 0 {
		p.OnData(h.conn, rest)
	}
}

// upgrade is an upgrade request that is being decided.
type upgrade struct {
	table   *Table
	conn    *eventloop.Conn
	head    []byte
	query   query
	fault   error // of the query
	id      ID
	session *Session // the one that goes on over the WebSocket
	mode    mode
}

// decide checks an upgrade request in the order of the reference server (reference: Engine.IO server, verify).
func (u *upgrade) decide(hs *wsproto.Handshake) error {
	t, q := u.table, u.query
	switch {
	case u.fault != nil, q.transport == "polling":
		return refusalOf(engineio.BadRequest, "")
	case !t.cfg.offers(q.transport):
		return refusalOf(engineio.UnknownTransport, "")
	case hs.Origin != nil && !edge.ValidOrigin(string(hs.Origin)):
		return refusalOf(engineio.BadRequest, "")
	case hs.Origin != nil && !t.cfg.admitsPage(string(hs.Host), string(hs.Origin)):
		return refusalOf(engineio.Forbidden, "")
	}
	var err error
	if q.sid != "" {
		err = u.decideSession()
	} else {
		err = u.decideHandshake(hs)
	}
	if err == nil && t.cfg.Deflate && hs.AcceptDeflate() {
		u.mode |= compressed
	}
	if q.base64 {
		u.mode |= textOnly
	}
	return err
}

// reader is the reader of the WebSocket that has been agreed on.
func (u *upgrade) reader(limits *wsproto.Limits) wsproto.Reader {
	r := wsproto.NewReader(wsproto.Server, limits)
	if u.mode&compressed != 0 {
		r.EnableDeflate()
	}
	return r
}

// decideSession checks the session that is to go on over the WebSocket: only one may try at a time.
func (u *upgrade) decideSession() error {
	s := u.table.byID[u.id]
	switch {
	case s == nil:
		return refusalOf(engineio.UnknownSession, "")
	case s.poll == nil || s.closed || s.poll.probe != nil:
		return refusalOf(engineio.BadRequest, "")
	}
	u.session = s
	return nil
}

// decideHandshake checks whether a session may begin.
func (u *upgrade) decideHandshake(hs *wsproto.Handshake) error {
	t := u.table
	if t.cfg.Allow != nil {
		req, err := t.readRequest(u.head)
		if err != nil {
			return refusalOf(engineio.BadRequest, "")
		}
		if err := t.cfg.allow(req, u.conn); err != nil {
			return refusalOf(engineio.Forbidden, err.Error())
		}
	}
	switch {
	case u.query.version != engineio.ProtocolVersion:
		return refusalOf(engineio.UnsupportedProtocol, "")
	case t.cfg.Busy():
		hs.AddHeader("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		return &wsproto.Refusal{Status: http.StatusServiceUnavailable, Body: "server is busy"}
	}
	return nil
}

// refusalOf refuses an upgrade with a code of Engine.IO, of which the text alone is told.
func refusalOf(code engineio.ErrorCode, message string) error {
	if message == "" {
		message = code.Message()
	}
	return &wsproto.Refusal{Status: code.Status(), Body: message}
}

// readRequest reads a request head, which has passed our own checks, with net/http. The result has no body.
func (t *Table) readRequest(head []byte) (*http.Request, error) {
	t.reading.Reset(head)
	t.reader.Reset(&t.reading)
	return http.ReadRequest(t.reader)
}

// newReader is the reader of readRequest, used again for each.
func newReader() *bufio.Reader { return bufio.NewReaderSize(bytes.NewReader(nil), 4<<10) }

// allow asks the application whether a session may begin.
func (cfg *Config) allow(req *http.Request, c *eventloop.Conn) error {
	if addr := c.RemoteAddr(); addr != nil {
		req.RemoteAddr = addr.String()
	}
	return cfg.Allow(req)
}
