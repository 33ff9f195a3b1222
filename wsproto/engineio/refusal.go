package engineio

import "strconv"

// ErrorCode is the code in the body of a refused HTTP request. Clients know only
// these six, by number.
type ErrorCode int

// The codes of Engine.IO, in the order in which a request is checked except for
// the version, which comes last.
const (
	UnknownTransport    ErrorCode = 0 // the query's transport is missing or unknown
	UnknownSession      ErrorCode = 1 // the query's sid names no session
	BadHandshakeMethod  ErrorCode = 2 // a handshake that is not a GET
	BadRequest          ErrorCode = 3 // any other mistake of the client
	Forbidden           ErrorCode = 4 // refused by the application
	UnsupportedProtocol ErrorCode = 5 // the query's EIO is not ProtocolVersion
)

var errorMessages = [...]string{
	UnknownTransport:    "Transport unknown",
	UnknownSession:      "Session ID unknown",
	BadHandshakeMethod:  "Bad handshake method",
	BadRequest:          "Bad request",
	Forbidden:           "Forbidden",
	UnsupportedProtocol: "Unsupported protocol version",
}

// Message returns the text that belongs to the code, or that of BadRequest for a
// number that is no code.
func (c ErrorCode) Message() string {
	if c < 0 || int(c) >= len(errorMessages) {
		c = BadRequest
	}
	return errorMessages[c]
}

// Status returns the HTTP status of the refusal: 403 for Forbidden, 400 for the rest.
func (c ErrorCode) Status() int {
	if c == Forbidden {
		return 403
	}
	return 400
}

// AppendError appends the JSON body of a refused request, of content type
// application/json. An empty message stands for the code's own; an application that
// forbids a request may give its own reason.
func AppendError(dst []byte, code ErrorCode, message string) []byte {
	if message == "" {
		message = code.Message()
	}
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, `,"message":`...)
	dst = appendString(dst, message)
	return append(dst, '}')
}
