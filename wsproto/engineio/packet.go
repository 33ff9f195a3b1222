package engineio

import (
	"encoding/base64"
	"errors"
)

// ProtocolVersion is the value of the query parameter EIO that this package speaks.
const ProtocolVersion = "4"

// Probe is the data of the ping and the pong that try a WebSocket before an
// upgrade: "2probe" and "3probe".
const Probe = "probe"

// binaryMark begins a binary packet where only text can travel.
const binaryMark = 'b'

// The rules of one packet.
var (
	ErrEmptyPacket = errors.New("engineio: empty packet")
	ErrUnknownType = errors.New("engineio: unknown packet type")
	ErrBase64      = errors.New("engineio: binary packet is not base64")
)

// PacketType is the type of a packet, and at once its digit on the wire.
type PacketType byte

// The packet types of Engine.IO v4.
const (
	Open    PacketType = '0'
	Close   PacketType = '1'
	Ping    PacketType = '2'
	Pong    PacketType = '3'
	Message PacketType = '4'
	Upgrade PacketType = '5'
	Noop    PacketType = '6'
)

var packetTypeNames = [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}

// Valid says whether t is one of the seven types.
func (t PacketType) Valid() bool {
	return t >= Open && t <= Noop
}

// String returns the protocol's word for t, fit for logs and metric labels.
func (t PacketType) String() string {
	if !t.Valid() {
		return "unknown"
	}
	return packetTypeNames[t-Open]
}

// Packet is one Engine.IO packet. Who owns Data is said by the function that made
// the packet. Binary is set for a message whose payload is bytes, not text; its
// Type is Message.
type Packet struct {
	Type   PacketType
	Data   []byte
	Binary bool
}

// ParseText reads the one packet of a WebSocket text message, or one packet of a
// polling body. Data aliases b and is valid as long as b is; for the base64 form,
// which both transports accept, Data is fresh memory that the caller owns.
//
// The text is not checked to be UTF-8; see the package comment.
func ParseText(b []byte) (Packet, error) {
	if len(b) == 0 {
		return Packet{}, ErrEmptyPacket
	}
	if b[0] == binaryMark {
		return parseBase64(b[1:])
	}
	t := PacketType(b[0])
	if !t.Valid() { // Engine.IO v4: the first character is a type digit
		return Packet{}, ErrUnknownType
	}
	return Packet{Type: t, Data: b[1:]}, nil
}

// parseBase64 returns a packet whose Data is fresh memory owned by the caller. The
// text is padded and has no line breaks (Engine.IO v4). The standard decoder skips
// those, and the lengths tell whether it skipped any.
func parseBase64(src []byte) (Packet, error) {
	if len(src)%4 != 0 {
		return Packet{}, ErrBase64
	}
	data := make([]byte, len(src)/4*3)
	n, err := base64.StdEncoding.Strict().Decode(data, src)
	if err != nil || n != len(data)-padding(src) {
		return Packet{}, ErrBase64
	}
	return Packet{Type: Message, Data: data[:n], Binary: true}, nil
}

// padding counts the equals signs at the end, of which there are at most two.
func padding(src []byte) int {
	n := 0
	for n < 2 && n < len(src) && src[len(src)-1-n] == '=' {
		n++
	}
	return n
}

// AppendText appends a packet as it stands in a WebSocket text message. data is
// copied and stays the caller's.
func AppendText(dst []byte, t PacketType, data []byte) []byte {
	dst = append(dst, byte(t))
	return append(dst, data...)
}

// AppendBinaryBase64 appends a binary message in its text form, for polling and
// for a WebSocket whose client asked for b64=1. data is copied and stays the
// caller's.
func AppendBinaryBase64(dst, data []byte) []byte {
	dst = append(dst, binaryMark)
	return base64.StdEncoding.AppendEncode(dst, data)
}
