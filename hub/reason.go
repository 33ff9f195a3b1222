package hub

import "starling/hub/internal/session"

// Reason is why a socket was disconnected, as a word fit for logs and metrics. The first eight are those of Socket.IO.
type Reason string

// The reasons.
const (
	ReasonTransportClose            Reason = "transport close"             // the client's connection ended
	ReasonTransportError            Reason = "transport error"             // the connection broke, or the client broke the protocol
	ReasonPingTimeout               Reason = "ping timeout"                // the client did not answer a heartbeat
	ReasonParseError                Reason = "parse error"                 // the client sent an Engine.IO packet that makes no sense
	ReasonForcedClose               Reason = "forced close"                // the client sent a Socket.IO packet that makes no sense
	ReasonServerShutdown            Reason = "server shutting down"        // Serve ends
	ReasonClientNamespaceDisconnect Reason = "client namespace disconnect" // the client called disconnect
	ReasonServerNamespaceDisconnect Reason = "server namespace disconnect" // Socket.Disconnect was called
	ReasonSlowConsumer              Reason = "slow consumer"               // the client did not read what was sent to it
	ReasonInboundOverflow           Reason = "inbound overflow"            // the client sent faster than its events are handled
	ReasonFlood                     Reason = "flood"                       // the client sent more than Options.ControlRateMax or MessageRateMax
)

func reasonOf(r session.Reason) Reason { return Reason(r.String()) }
