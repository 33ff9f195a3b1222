package socketio

import (
	"strconv"
	"unicode/utf8"
)

// Type is the type of a packet; its digit on the wire is '0' + Type.
type Type byte

// The packet types of Socket.IO v5.
const (
	Connect Type = iota
	Disconnect
	Event
	Ack
	ConnectError
	BinaryEvent
	BinaryAck
)

var typeNames = [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}

// String returns the protocol's word for t.
func (t Type) String() string {
	if t > BinaryAck {
		return "unknown"
	}
	return typeNames[t]
}

// Binary says whether packets of this type announce attachments.
func (t Type) Binary() bool {
	return t == BinaryEvent || t == BinaryAck
}

// Packet is one Socket.IO packet. The function that returns it says who owns its
// slices; they may be written to only if it hands their memory over.
type Packet struct {
	Type        Type
	HasID       bool
	Attachments int      // announced in the header
	ID          uint64   // the ack id, if HasID
	Namespace   []byte   // "/" when the text names none
	Data        []byte   // the JSON payload without white space around it, nil if there is none
	Buffers     [][]byte // the attachments, when all have come
}

// rootNamespace is shared by all packets that name no namespace.
var rootNamespace = []byte("/")

// AppendPacket appends the text of a packet that Parse or a Decoder returned, to
// relay it as it is; its Buffers follow as binary messages of their own. The slices
// of p are copied. The packet is not checked again.
func AppendPacket(dst []byte, p Packet) []byte {
	dst = append(dst, '0'+byte(p.Type))
	if p.Type.Binary() {
		dst = strconv.AppendInt(dst, int64(p.Attachments), 10)
		dst = append(dst, '-')
	}
	if len(p.Namespace) > 1 {
		dst = append(dst, p.Namespace...)
		dst = append(dst, ',')
	}
	if p.HasID {
		dst = strconv.AppendUint(dst, p.ID, 10)
	}
	return append(dst, p.Data...)
}

// ReservedEvent says whether name is one that neither side may emit, because the
// libraries raise events of that name themselves (Socket.IO v5).
func ReservedEvent(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// CheckNamespace refuses a name that cannot be written on the wire. A namespace
// that this program names itself is to be checked with it once; names that Parse
// returned pass.
func CheckNamespace(nsp string) error {
	switch {
	case len(nsp) > NamespaceBytesMax:
		return ErrNamespaceLength
	case nsp == "" || nsp[0] != '/':
		return ErrNamespaceSyntax
	}
	for i := range len(nsp) {
		switch c := nsp[i]; {
		case c == ',': // it would end the namespace (Socket.IO v5)
			return ErrNamespaceSyntax
		case isControl(c):
			return ErrNamespaceBytes
		}
	}
	if !utf8.ValidString(nsp) {
		return ErrNamespaceSyntax
	}
	return nil
}

func isControl(c byte) bool {
	return c < ' ' || c == 0x7f
}
