package session

import (
	"errors"
	"net/http"
	"strconv"

	"starling/eventloop"
	"starling/wsproto"
	"starling/wsproto/engineio"
)

// Refusal is a request that was answered with an error, as Config.Refused is told of it.
type Refusal struct {
	Cause      Cause
	Code       int           // of Engine.IO, 0 to 5; -1 where it has none
	Status     int           // of the answer
	Message    string        // what was wrong: the text of the code, of Config.Allow's error, or our own
	Context    string        // the reference server's name for a cause that its code does not tell, "" for most
	Request    *http.Request // without a body; nil if the head could not be read; to be read only, and until Refused returns
	RemoteAddr string        // of the connection
}

// The values of Refusal.Context.
const (
	InvalidOrigin           = "INVALID_ORIGIN"            // Origin has bytes that it must not have
	TransportMismatch       = "TRANSPORT_MISMATCH"        // the session has another transport than the request
	TransportHandshakeError = "TRANSPORT_HANDSHAKE_ERROR" // a handshake for a WebSocket that is no upgrade
)

// fault is why a request is refused: the answer, by either way of refusing, and what is told of it.
type fault struct {
	head    string // of an answer that is an exchange's, or ends the connection
	cause   Cause
	code    engineio.ErrorCode
	message string // "" for that of the code
	context string
}

// noCode is the code of what Engine.IO has no code for.
const noCode engineio.ErrorCode = -1

var (
	faultTransport = &fault{head: statusBadCode, cause: UnknownTransport, code: engineio.UnknownTransport}
	faultSession   = &fault{head: statusBadCode, cause: UnknownSession, code: engineio.UnknownSession}
	faultMethod    = &fault{head: statusBadCode, cause: BadHandshakeMethod, code: engineio.BadHandshakeMethod}
	faultRequest   = &fault{head: statusBadCode, cause: BadRequest, code: engineio.BadRequest}
	faultBytes     = &fault{head: statusBadCode, cause: BadOrigin, code: engineio.BadRequest, context: InvalidOrigin}
	faultMismatch  = &fault{head: statusBadCode, cause: OtherTransport, code: engineio.BadRequest, context: TransportMismatch}
	faultNoUpgrade = &fault{head: statusBadCode, cause: NoUpgrade, code: engineio.BadRequest, context: TransportHandshakeError}
	faultOrigin    = &fault{head: statusForbidden, cause: ForbiddenOrigin, code: engineio.Forbidden}
	faultVersion   = &fault{head: statusBadCode, cause: UnsupportedVersion, code: engineio.UnsupportedProtocol}
	faultVerb      = &fault{head: statusMethod, cause: BadMethod, code: noCode, message: "method is neither GET nor POST"}
	faultMoving    = &fault{head: statusBusy, cause: BehindAnother, code: noCode, message: "answer to the request before is still on its way"}
	faultTimeout   = &fault{head: statusTimeout, cause: TooSlow, code: noCode, message: "request took too long"}
	faultTooLarge  = &fault{head: statusTooLarge, cause: TooLarge, code: noCode, message: "body is too large"}
	faultBinary    = &fault{head: statusBad, cause: NotText, code: noCode, message: "body is not text"}
	faultFlood     = &fault{head: statusBad, cause: Flooding, code: noCode, message: "too many packets"}
	faultTwice     = &fault{head: statusBad, cause: TwoAtOnce, code: noCode, message: "two requests of a session at once"}
)

// busyFaults are why no session begins for now, by cause.
var busyFaults = map[Cause]*fault{
	Draining:         {head: statusBusy, cause: Draining, code: noCode, message: "server is shutting down"},
	Refusing:         {head: statusBusy, cause: Refusing, code: noCode, message: "server takes no new sessions"},
	Overloaded:       {head: statusBusy, cause: Overloaded, code: noCode, message: "server is busy"},
	TooFast:          {head: statusBusy, cause: TooFast, code: noCode, message: "too many sessions begin at once"},
	TooManyPolling:   {head: statusBusy, cause: TooManyPolling, code: noCode, message: "too many sessions"},
	TooManyOfAddress: {head: statusBusy, cause: TooManyOfAddress, code: noCode, message: "too many sessions from this address"},
}

// comesLater reports whether a client that was refused may come again later.
func comesLater(refused error) bool {
	f, ok := refused.(*fault)
	return ok && f.head == statusBusy
}

// notAllowed is the fault of a request that Config.Allow has spoken against.
func notAllowed(err error) *fault {
	return &fault{head: statusForbidden, cause: NotAllowed, code: engineio.Forbidden, message: err.Error()}
}

// body is that of an exchange's answer: clients want to know the code.
func (f *fault) body() []byte {
	if f.code == noCode {
		return nil
	}
	return engineio.AppendError(nil, f.code, f.message)
}

// status is that of the answer.
func (f *fault) status() int {
	n, _ := strconv.Atoi(f.head[:len("400")]) // all heads begin with it
	return n
}

// text is what is wrong.
func (f *fault) text() string {
	if f.message == "" {
		return f.code.Message()
	}
	return f.message
}

// Error makes a fault an error with which an upgrade is refused.
func (f *fault) Error() string { return "session: request refused: " + f.text() }

// Unwrap is how wsproto.Upgrade answers it: the text alone is told.
func (f *fault) Unwrap() error { return &wsproto.Refusal{Status: f.status(), Body: f.text()} }

// refusalOf is what is told of a request that was refused because of a fault, or of a wsproto.HandshakeError.
func refusalOf(why error) Refusal {
	if f, ok := errors.AsType[*fault](why); ok {
		return Refusal{Cause: f.cause, Code: int(f.code), Status: f.status(), Message: f.text(), Context: f.context}
	}
	rule, _ := errors.AsType[wsproto.HandshakeError](why)
	return Refusal{Cause: Malformed, Code: int(noCode), Status: rule.Status(), Message: rule.Error()}
}

// tell counts a request that has been refused, and tells Config.Refused of it.
func (h *httpConn) tell(why error, req *http.Request) {
	h.table.stats.Refused[causeOf(why)]++
	h.report(why, req)
}

// report tells Config.Refused of a request that has been refused. It is called later on, as a task of its own, so that a
// panic costs nothing but that; the loop logs and counts it.
func (h *httpConn) report(why error, req *http.Request) {
	refused := h.table.cfg.Refused
	if refused == nil {
		return
	}
	r := refusalOf(why)
	if addr := h.conn.RemoteAddr(); addr != nil {
		r.RemoteAddr = addr.String()
	}
	if r.Request = req; req != nil {
		identify(req, h.conn)
	}
	h.table.loop.Soon(eventloop.TaskFunc(func(*eventloop.Loop) { refused(r) }))
}

// identify notes whose a request is, unless it says so.
func identify(req *http.Request, c *eventloop.Conn) {
	if addr := c.RemoteAddr(); addr != nil && req.RemoteAddr == "" {
		req.RemoteAddr = addr.String()
	}
}
