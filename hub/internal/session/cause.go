package session

import "errors"

// Cause is why a request was refused, for who counts: more of them than Engine.IO has codes for.
type Cause uint8

// The causes. Those of the first group are faults of the request, those of the second its timing or the client's conduct; for
// those of the third, which are answered with 503 and Retry-After, nothing was wrong with it.
const (
	Malformed          Cause = iota + 1 // it breaks the rules of HTTP or of WebSockets' handshake
	UnknownTransport                    // it names a transport that there is not, or that is not offered
	UnknownSession                      // its session is over, or never was
	BadHandshakeMethod                  // a session begins with a GET
	BadRequest                          // its query or its body makes no sense, or its session cannot go over to a WebSocket
	BadOrigin                           // its Origin has bytes that it must not have
	OtherTransport                      // its session has another transport
	NoUpgrade                           // a session over a WebSocket begins with an upgrade
	ForbiddenOrigin                     // it is that of a page which may not talk to the server
	NotAllowed                          // Config.Allow spoke against it
	UnsupportedVersion                  // it speaks another version of Engine.IO
	BadMethod                           // it is neither a GET nor a POST
	TooSlow                             // it did not come in time
	TooLarge                            // its body is too large
	NotText                             // its body is no text
	TwoAtOnce                           // another one of its session is under way
	BehindAnother                       // the answer to the request before it on its connection is still on its way
	Flooding                            // its session has sent too many packets
	Draining                            // the server shuts down
	Refusing                            // it takes no new sessions for now
	Overloaded                          // too much waits for slow clients
	TooFast                             // too many sessions begin at once
	TooManyPolling                      // as many sessions poll as there may be
	TooManyOfAddress                    // the client's address has as many sessions as it may have
	causesEnd
)

// CausesCount is more than any Cause.
const CausesCount = int(causesEnd)

var causes = [CausesCount]string{
	Malformed:          "malformed",
	UnknownTransport:   "unknown transport",
	UnknownSession:     "unknown session",
	BadHandshakeMethod: "bad handshake method",
	BadRequest:         "bad request",
	BadOrigin:          "bad origin",
	OtherTransport:     "transport mismatch",
	NoUpgrade:          "no upgrade",
	ForbiddenOrigin:    "forbidden origin",
	NotAllowed:         "not allowed",
	UnsupportedVersion: "unsupported version",
	BadMethod:          "bad method",
	TooSlow:            "timeout",
	TooLarge:           "too large",
	NotText:            "not text",
	TwoAtOnce:          "two at once",
	BehindAnother:      "behind another",
	Flooding:           "flood",
	Draining:           "draining",
	Refusing:           "refusing",
	Overloaded:         "overloaded",
	TooFast:            "rate",
	TooManyPolling:     "polling sessions",
	TooManyOfAddress:   "address sessions",
}

// String is the cause's word.
func (c Cause) String() string {
	if c == 0 || int(c) >= CausesCount {
		return "unknown"
	}
	return causes[c]
}

// causeOf is the cause of a refusal.
func causeOf(why error) Cause {
	if f, ok := errors.AsType[*fault](why); ok {
		return f.cause
	}
	return Malformed // a wsproto.HandshakeError, or a query that cannot be read
}
