package session

import "starling/wsproto"

// Reason is why a session or a socket ended: at once the word that Socket.IO gives the application and that logs and
// metrics use, and the close code that the peer gets.
type Reason uint8

// The reasons. The first group are those of the reference server, the second are ours.
const (
	TransportClose            Reason = iota + 1 // the peer closed, or its connection ended
	TransportError                              // the connection broke, or the peer broke its protocol
	PingTimeout                                 // no pong came in time
	ParseError                                  // an Engine.IO packet made no sense
	ForcedClose                                 // we closed, because of a Socket.IO packet that made no sense or because asked to
	ServerShutdown                              // the server shuts down
	ClientNamespaceDisconnect                   // the client left the namespace
	ServerNamespaceDisconnect                   // we had the socket leave

	SlowConsumer    // the peer did not read what was sent to it
	InboundOverflow // the peer sent faster than its events are handled
	Flood           // the peer sent more packets than it may
)

var reasons = [...]struct {
	word string
	code wsproto.CloseCode
}{
	TransportClose:            {"transport close", wsproto.CloseNone},
	TransportError:            {"transport error", wsproto.CloseNone},
	PingTimeout:               {"ping timeout", wsproto.CloseNone},
	ParseError:                {"parse error", wsproto.CloseNone},
	ForcedClose:               {"forced close", wsproto.CloseNone},
	ServerShutdown:            {"server shutting down", wsproto.CloseGoingAway},
	ClientNamespaceDisconnect: {"client namespace disconnect", wsproto.CloseNone},
	ServerNamespaceDisconnect: {"server namespace disconnect", wsproto.CloseNone},
	SlowConsumer:              {"slow consumer", wsproto.ClosePolicy},
	InboundOverflow:           {"inbound overflow", wsproto.ClosePolicy},
	Flood:                     {"flood", wsproto.ClosePolicy},
}

// String is the reason's word.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasons) {
		return "unknown"
	}
	return reasons[r].word
}

// CloseCode is the WebSocket close code that goes with it, CloseNone for an empty close frame.
func (r Reason) CloseCode() wsproto.CloseCode {
	if int(r) >= len(reasons) {
		return wsproto.CloseNone
	}
	return reasons[r].code
}

// tellsLater reports whether a client that polls and has no GET waiting is to hear of the end by its next one. Where the
// client is gone, or broke the protocol, its session is unknown at once, as with the reference server.
func (r Reason) tellsLater() bool {
	return r == ForcedClose || r == ServerShutdown || r == InboundOverflow
}

// Error makes a Reason the cause that a connection is closed with.
func (r Reason) Error() string { return r.String() }
