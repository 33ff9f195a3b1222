package session

import (
	"bytes"
	"net/http"
	"strconv"

	"starling/eventloop"
	"starling/hub/internal/edge"
	"starling/wsproto/engineio"
)

// exchange is one request of a client that polls, and its answer. The connection belongs to one loop, its home, and the
// session to another one, as a rule: then the request is posted there and the answer is posted back. Which of the two
// touches a field stands beside it.
type exchange struct {
	home *Table    // never changes
	conn *httpConn // home

	// Set by home before it is posted.
	owner *Table // that the id belongs to; nil if the request is not for a session
	id    ID     // of the session
	head  bool   // the answer must have no body
	asked bool   // the client has asked for the connection's end
	gzip  bool   // the answer may be compressed
	first bool   // the answer begins a session

	close   bool          // the connection ends with the answer; whoever answers, then home
	told    bool          // an answer was given; whoever answers
	fields  []byte        // header lines for the answer; home, then whoever answers
	request *http.Request // nil if nobody is to see it; home, then whoever answers, then home
	fault   *fault        // why it was refused, nil if it was not; whoever answers, then home
	session *Session      // the session's loop: that it was given to, nil if there was none
}

// serve decides on a request and answers it, unless its session has to. The order is that of the reference server, for the
// answer is the first thing that is wrong.
func (x *exchange) serve(req *http.Request, head, rawQuery []byte) {
	t := x.home
	if refused := x.greet(req); refused {
		return
	}
	q, err := parseQuery(rawQuery)
	origin := req.Header.Get("Origin")
	switch {
	case err != nil:
		x.refuse(t, faultRequest)
	case !t.cfg.offers(q.transport):
		x.refuse(t, faultTransport)
	case !edge.ValidOrigin(origin):
		x.refuse(t, faultBytes)
	case !t.cfg.admitsPage(req.Host, origin):
		x.refuse(t, faultOrigin)
	case q.sid != "":
		x.attach(req, q)
	default:
		x.handshake(req, head, q)
	}
}

// keep keeps the request, if the application is to see it with the answer.
func (x *exchange) keep(req *http.Request) {
	cfg := x.home.cfg
	if cfg.Headers != nil {
		identify(req, x.conn.conn)
	}
	if cfg.Headers != nil || cfg.Refused != nil {
		x.request = req
	}
}

// greet does what depends on the request's headers alone: it notes what the answer will need, and answers a preflight.
func (x *exchange) greet(req *http.Request) (answered bool) {
	origins := x.home.cfg.Origins
	if req.Method == http.MethodOptions {
		if header, ok := origins.Preflight(req); ok {
			x.fields = edge.AppendLines(nil, header)
			x.answer(x.home, statusNoContent, nil)
			return true
		}
	}
	if req.Header["Origin"] != nil {
		x.fields = origins.AppendHeader(nil, req)
	}
	x.gzip = !x.home.cfg.NoCompression && edge.AcceptsGzip(req.Header["Accept-Encoding"])
	return false
}

// attach gives a request to the session that it names.
func (x *exchange) attach(req *http.Request, q query) {
	id, ok := parseID(q.sid)
	owner := x.home.tableOf(id)
	body := x.conn.body
	switch {
	case !ok || owner == nil:
		x.refuse(x.home, faultSession)
		return
	case q.transport != "polling":
		x.refuse(x.home, faultMismatch)
		return
	case req.Method == http.MethodGet && body != nil:
		x.refuse(x.home, faultRequest)
		return
	case req.Method != http.MethodGet && req.Method != http.MethodPost:
		x.refuse(x.home, faultVerb)
		return
	}
	x.id, x.owner = id, owner
	switch {
	case req.Method == http.MethodGet:
		x.onOwner(func() { owner.poll(x) })
	case req.Header.Get("Content-Type") == "application/octet-stream":
		x.onOwner(func() { owner.reject(x, faultBinary) }) // Engine.IO v4: a body is text
	case body == nil:
		x.deliver(nil)
	case body.tooLarge():
		x.refuse(x.home, faultTooLarge)
	case !body.here:
		x.onOwner(func() { owner.expect(x) })
	}
}

// handshake begins a session.
func (x *exchange) handshake(req *http.Request, head []byte, q query) {
	t := x.home
	switch {
	case req.Method != http.MethodGet:
		x.refuse(t, faultMethod)
		return
	case q.transport != "polling": // a WebSocket begins with an upgrade
		x.refuse(t, faultNoUpgrade)
		return
	case x.conn.body != nil:
		x.refuse(t, faultRequest)
		return
	}
	if t.cfg.Allow != nil {
		if err := t.cfg.allow(req, x.conn.conn); err != nil {
			x.refuse(t, notAllowed(err))
			return
		}
	}
	if q.version != engineio.ProtocolVersion {
		x.refuse(t, faultVersion)
		return
	}
	home, refused := t.admit(x.conn.conn, func() []string { return req.Header["X-Forwarded-For"] }, true)
	if refused != nil {
		x.refuse(t, refused)
		return
	}
	t.startPolling(x, head, home)
}

// deliver gives the whole body, which is borrowed, to the session.
func (x *exchange) deliver(body []byte) {
	if x.owner != x.home {
		body = bytes.Clone(body)
	}
	x.onOwner(func() { x.owner.receive(x, body) })
}

// overflow ends a request whose body turned out to be too large.
func (x *exchange) overflow() {
	x.onOwner(func() { x.owner.reject(x, faultTooLarge) })
}

// narrow has no more of a body be read than a stranger may send. It is the session's loop that knows who is one.
func (x *exchange) narrow() {
	if x.owner == x.home {
		x.conn.narrow(x)
		return
	}
	x.home.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { x.conn.narrow(x) }))
}

// onOwner does something on the session's loop: at once if that is the home.
func (x *exchange) onOwner(do func()) {
	if x.owner == x.home {
		do()
		return
	}
	x.owner.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { do() }))
}

// lost tells the session that the connection is gone while it had a request under way.
func (x *exchange) lost() {
	if x.owner != nil {
		x.onOwner(func() { x.owner.lost(x) })
	}
}

// refuse answers with what is wrong, from the loop of t.
func (x *exchange) refuse(t *Table, f *fault) {
	if !x.told {
		x.fault = f
		x.answer(t, f.head, f.body())
	}
}

// The heads of answers, up to what depends on the request.
const (
	statusPackets  = "200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nCache-Control: no-store\r\n"
	statusGzipped  = "200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Encoding: gzip\r\nCache-Control: no-store\r\n"
	statusReceived = "200 OK\r\nContent-Type: text/html\r\nCache-Control: no-store\r\n"

	statusNoContent = "204 No Content\r\n"
	statusBad       = "400 Bad Request\r\n"
	statusNotFound  = "404 Not Found\r\n"
	statusMethod    = "405 Method Not Allowed\r\nAllow: GET, POST\r\n"
	statusTimeout   = "408 Request Timeout\r\n"
	statusTooLarge  = "413 Content Too Large\r\n"
	statusBadCode   = "400 Bad Request\r\nContent-Type: application/json\r\n"
	statusForbidden = "403 Forbidden\r\nContent-Type: application/json\r\n"
	statusBusy      = "503 Service Unavailable\r\nRetry-After: 2\r\n" // retryAfter
)

// bareAnswer is an answer without a body, behind which the connection ends, to a request that is no exchange.
func bareAnswer(status string) []byte {
	return []byte("HTTP/1.1 " + status + "Connection: close\r\nContent-Length: 0\r\n\r\n")
}

// answer answers from the loop of t. Only the first answer counts.
func (x *exchange) answer(t *Table, status string, body []byte) {
	if x.told {
		return
	}
	x.told = true
	x.close = x.close || t.drained || t == x.home && x.conn.body != nil // which nobody reads
	if t.cfg.Headers != nil {
		var ok bool
		if status, x.fields, ok = x.alter(t, status); !ok {
			return
		}
	}
	out := x.append(t.scratch[:0], status, body)
	t.scratch = keepSmall(out)
	if t == x.home {
		x.conn.finish(x, out, false)
		return
	}
	out = bytes.Clone(out)
	x.home.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { x.conn.finish(x, out, true) }))
}

// append appends the whole answer.
func (x *exchange) append(dst []byte, status string, body []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, status...)
	dst = append(dst, x.fields...)
	if x.close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	if status != statusNoContent { // RFC 9110 8.6
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	if x.head { // RFC 9110 9.3.2
		return dst
	}
	return append(dst, body...)
}
