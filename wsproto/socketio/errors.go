package socketio

import (
	"errors"
	"fmt"
)

// What a peer can do wrong. Each of these ends the connection; the words are those
// of the reference server where it has any. Attachments are an "Illegal" count in
// the header and "illegal" placeholders in the payload, as there.
var (
	ErrEmptyPacket = errors.New("empty packet")
	ErrUnknownType = errors.New("unknown packet type")
	//lint:ignore ST1005 the reference's spelling
	ErrAttachments        = errors.New("Illegal attachments")
	ErrTooManyAttachments = errors.New("too many attachments")
	ErrNamespaceLength    = errors.New("namespace too long")
	ErrNamespaceBytes     = errors.New("control character in namespace")
	ErrAckID              = errors.New("illegal ack id")
	ErrPlaceholder        = errors.New("illegal attachments")
	ErrTextUnexpected     = errors.New("got plaintext data when reconstructing a packet")
	ErrBinaryUnexpected   = errors.New("got binary data when not reconstructing a packet")
	ErrPacketBytes        = errors.New("packet too large")
)

// ErrInvalidPayload is the family of the errors below: errors.Is tells it of each.
var ErrInvalidPayload = errors.New("invalid payload")

// What a payload can be besides valid.
var (
	ErrPayloadMissing  = fmt.Errorf("%w: missing", ErrInvalidPayload)
	ErrPayloadJSON     = fmt.Errorf("%w: not JSON", ErrInvalidPayload)
	ErrPayloadDepth    = fmt.Errorf("%w: nested too deep", ErrInvalidPayload)
	ErrPayloadKind     = fmt.Errorf("%w: wrong kind for the packet type", ErrInvalidPayload)
	ErrPayloadEvent    = fmt.Errorf("%w: no event name", ErrInvalidPayload)
	ErrPayloadReserved = fmt.Errorf("%w: reserved event name", ErrInvalidPayload)
)

// What a caller can do wrong when it writes a packet or binds an argument.
var (
	ErrReservedEvent   = errors.New("socketio: reserved event name")
	ErrNamespaceSyntax = errors.New("socketio: namespace must begin with a slash and hold no comma")
	ErrRaw             = errors.New("socketio: raw argument is not JSON")
	ErrEncode          = errors.New("socketio: value cannot be encoded")
	ErrBind            = errors.New("socketio: argument does not fit")
	ErrBindTarget      = errors.New("socketio: target is not a pointer")
)

// unknownType is ErrUnknownType with the offending first character. It is a byte so
// that making one costs no allocation: a flood of bad packets is not to be dear.
type unknownType byte

// Error names the type as the reference does, which turns the character into a number.
func (c unknownType) Error() string {
	if c < '0' || c > '9' {
		return "unknown packet type NaN"
	}
	return "unknown packet type " + string(rune(c))
}

func (unknownType) Unwrap() error { return ErrUnknownType }
