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
	u := upgrade{by: h, head: head}
	if u.query, u.fault = parseQuery(rawQuery); u.query.sid != "" && u.fault == nil {
		if id, ok := parseID(u.query.sid); ok {
			u.id = id
			if owner := h.table.tableOf(id); owner != nil && owner != h.table {
				h.moveTo(owner, &u, b)
				return
			}
		}
	}
	defer u.abandon()
	response, err := wsproto.Upgrade(h.table.scratch[:0], head, u.decide)
	if err != nil {
		h.refuseUpgrade(&u, response, err)
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

// refuseUpgrade is refuse for an upgrade request.
func (h *httpConn) refuseUpgrade(u *upgrade, response []byte, why error) {
	var req *http.Request
	if h.table.cfg.Refused != nil { // else nobody is to see it
		req = u.request()
	}
	h.tell(why, req)
	h.refuse(response, nil)
}

// upgrade is an upgrade request that is being decided. It has at most 144 bytes: in the next size class are the sockets above,
// one of which follows as a rule, and what is short-lived would leave holes between them (50 bytes for each connection).
type upgrade struct {
	by      *httpConn
	head    []byte
	query   query
	fault   error         // of the query
	req     *http.Request // see request
	id      ID
	mode    mode
	session *Session   // the one that goes on over the WebSocket
	home    *household // that the session which is to begin was counted for; nil once it has begun
}

// abandon gives back what was counted for a session that has not begun.
func (u *upgrade) abandon() { u.by.table.cfg.addresses.leave(u.home) }

// decide checks an upgrade request in the order of the reference server (reference: Engine.IO server, verify).
func (u *upgrade) decide(hs *wsproto.Handshake) error {
	err := u.check(hs)
	if err == nil && u.by.table.cfg.Deflate && hs.AcceptDeflate() {
		u.mode |= compressed
	}
	if u.query.base64 {
		u.mode |= textOnly
	}
	switch {
	case u.by.table.cfg.Headers != nil:
		return u.alter(hs, err)
	case comesLater(err):
		hs.AddHeader("Retry-After", retryAfterSeconds)
	}
	return err
}

// retryAfterSeconds is retryAfter as a header has it.
var retryAfterSeconds = strconv.Itoa(int(retryAfter.Seconds()))

// check is decide, less what becomes of the answer.
func (u *upgrade) check(hs *wsproto.Handshake) error {
	t, q := u.by.table, u.query
	switch {
	case u.fault != nil, q.transport == "polling":
		return faultRequest
	case !t.cfg.offers(q.transport):
		return faultTransport
	case hs.Origin != nil && !edge.ValidOrigin(string(hs.Origin)):
		return faultBytes
	case hs.Origin != nil && !t.cfg.admitsPage(string(hs.Host), string(hs.Origin)):
		return faultOrigin
	case q.sid != "":
		return u.decideSession()
	}
	return u.decideHandshake(hs)
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
	s := u.by.table.byID[u.id]
	switch {
	case s == nil:
		return faultSession
	case s.poll == nil || s.closed || s.poll.probe != nil:
		return faultRequest
	}
	u.session = s
	return nil
}

// decideHandshake checks whether a session may begin.
func (u *upgrade) decideHandshake(hs *wsproto.Handshake) error {
	cfg := u.by.table.cfg
	if cfg.Allow != nil {
		req := u.request()
		if req == nil {
			return faultRequest
		}
		if err := cfg.allow(req, u.by.conn); err != nil {
			return notAllowed(err)
		}
	}
	if u.query.version != engineio.ProtocolVersion {
		return faultVersion
	}
	home, refused := u.by.table.admit(u.by.conn, func() []string { return forwardedFor(hs) }, false)
	if refused != nil {
		return refused
	}
	u.home = home
	return nil
}

// forwardedFor returns the X-Forwarded-For lines of a request.
func forwardedFor(hs *wsproto.Handshake) (lines []string) {
	for name, value := range hs.Headers {
		if bytes.EqualFold(name, []byte("X-Forwarded-For")) {
			lines = append(lines, string(value))
		}
	}
	return lines
}

// request is the request for the application's eyes, nil if net/http cannot read it.
func (u *upgrade) request() *http.Request {
	if u.req == nil {
		if req, err := u.by.table.readRequest(u.head); err == nil {
			identify(req, u.by.conn)
			u.req = req
		}
	}
	return u.req
}

// readRequest reads a request head, which has passed our own checks, with net/http. The result has no body: that would
// read on in memory that serves for the next request.
func (t *Table) readRequest(head []byte) (*http.Request, error) {
	t.reading.Reset(head)
	t.reader.Reset(&t.reading)
	req, err := http.ReadRequest(t.reader)
	if err == nil {
		req.Body = http.NoBody
	}
	return req, err
}

// newReader is the reader of readRequest, used again for each.
func newReader() *bufio.Reader { return bufio.NewReaderSize(bytes.NewReader(nil), 4<<10) }

// allow asks the application whether a session may begin.
func (cfg *Config) allow(req *http.Request, c *eventloop.Conn) error {
	identify(req, c)
	return cfg.Allow(req)
}
