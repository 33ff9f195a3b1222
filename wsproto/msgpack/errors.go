package msgpack

import "errors"

// What a peer can do wrong beside what package socketio has an error for: a type
// (socketio.ErrUnknownType), an ack id, a namespace's name and a payload (its
// ErrPayload… family) are the same in both formats. Each ends the connection.
var (
	ErrText      = errors.New("msgpack: text message")
	ErrTruncated = errors.New("msgpack: message ends within a value")
	ErrTrailing  = errors.New("msgpack: bytes behind the packet")
	ErrCode      = errors.New("msgpack: byte that begins no value")
	ErrUTF8      = errors.New("msgpack: string is not UTF-8")
	ErrKey       = errors.New("msgpack: key is neither a string nor an integer")
	ErrPacket    = errors.New("msgpack: packet is not a map")
	ErrDuplicate = errors.New("msgpack: member of the packet comes twice")
	ErrNamespace = errors.New("msgpack: namespace is not a string")
)
