package hub

import "starling/hub/internal/session"

// Cause is why a request was refused, as a word fit for logs and metrics.
type Cause string

// The causes. For those from CauseDraining on nothing was wrong with the request: it is answered with status 503 and
// Retry-After.
const (
	CauseMalformed          Cause = "malformed"            // it breaks the rules of HTTP, or of the handshake of WebSockets
	CauseUnknownTransport   Cause = "unknown transport"    // it names a transport that there is not, or that is not offered
	CauseUnknownSession     Cause = "unknown session"      // its session is over, or never was
	CauseBadHandshakeMethod Cause = "bad handshake method" // a session begins with a GET
	CauseBadRequest         Cause = "bad request"          // its query or its body makes no sense
	CauseBadOrigin          Cause = "bad origin"           // its Origin has bytes that it must not have
	CauseTransportMismatch  Cause = "transport mismatch"   // its session has another transport
	CauseNoUpgrade          Cause = "no upgrade"           // a session over a WebSocket begins with an upgrade
	CauseForbiddenOrigin    Cause = "forbidden origin"     // its page is none of Options.Origins
	CauseNotAllowed         Cause = "not allowed"          // Options.AllowRequest refused it
	CauseUnsupportedVersion Cause = "unsupported version"  // it speaks another version of Engine.IO than 4
	CauseBadMethod          Cause = "bad method"           // it is neither a GET nor a POST
	CauseTimeout            Cause = "timeout"              // it did not come in time
	CauseTooLarge           Cause = "too large"            // its body is larger than Options.PayloadBytesMax, or ConnectPayloadBytesMax
	CauseNotText            Cause = "not text"             // its body is no text
	CauseTwoAtOnce          Cause = "two at once"          // another one of its session is under way
	CauseBehindAnother      Cause = "behind another"       // the answer to the one before it on its connection is still on its way
	CauseFlood              Cause = "flood"                // its session has sent too many packets: see ReasonFlood

	CauseDraining        Cause = "draining"         // the server shuts down
	CauseRefusing        Cause = "refusing"         // Server.RefuseSessions
	CauseOverloaded      Cause = "overloaded"       // Options.OutboundBytesMax
	CauseRate            Cause = "rate"             // Options.ConnectRateMax
	CauseConnections     Cause = "connections"      // Options.ConnectionsMax
	CausePollingSessions Cause = "polling sessions" // as many sessions poll as there may be connections
	CauseAddressSessions Cause = "address sessions" // Options.SessionsPerAddressMax
)

func causeOf(c session.Cause) Cause { return Cause(c.String()) }
