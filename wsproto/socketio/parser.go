package socketio

// Header is what a packet has beside its payload.
type Header struct {
	Type      Type
	HasID     bool
	ID        uint64 // of the acknowledgement, if HasID
	Namespace string
	Offset    string // an EVENT's last argument, behind its payload: where the client is in the stream of events; "" for none
}

// EventName is the name of an event, which may be a number on the wire: then it is its digits as JavaScript prints them, so 1
// and "1" are one event, as in the reference.
type EventName string

// Parser is a format of packets other than the standard one, agreed on with the clients by other means: in JavaScript it
// is the option "parser" of both sides. With such a format each message is one whole packet, binary data included, and
// goes as a binary message. It is used by all goroutines at once.
//
// The namespaces, ids and reserved names of the standard format are checked by whoever calls AppendPacket and by Parse.
type Parser interface {
	// AppendData appends a payload. That of an EVENT is its name, a string, and its arguments; that of an ACK its arguments;
	// that of a CONNECT or CONNECT_ERROR the one value given. On an error it returns dst as it was.
	AppendData(dst []byte, t Type, values []any) ([]byte, error)
	// AppendPacket appends a packet with a payload that AppendData has made, nil for none.
	AppendPacket(dst []byte, h Header, data []byte) []byte
	// Parse reads one message. The packet aliases it, and its Data is known to be well-formed: neither Elements nor Bind can
	// be made to read beyond it, to allocate more than in proportion to it, or to recurse without bound. The first element of
	// an EVENT's is a string or a number, and Bind gives it to an *EventName. There are no Buffers.
	Parse(message []byte, binary bool) (Packet, error)
	// Elements returns the values of an EVENT's or ACK's payload, one behind the other, and their number.
	Elements(data []byte) (values []byte, n int)
	// Next splits the first value off. values is not empty.
	Next(values []byte) (value, rest []byte)
	// Bind decodes a value into what target points to, and copies what it keeps.
	Bind(value []byte, target any) error
}
