package msgpack

import (
	"fmt"

	"starling/wsproto/socketio"
)

// Parser is the format. It holds nothing, so its zero value is all there is to it, and
// any goroutine may use it at any time.
type Parser struct{}

var _ socketio.Parser = Parser{}

// AppendData appends a payload: of an EVENT or ACK the array of the values, of a CONNECT
// or CONNECT_ERROR the one value given; of no values, of any other type, nothing.
//
// An argument is written as package socketio writes it, but for what JSON cannot say: a
// []byte is binary, nil if it is nil; a time.Time is a Date, less what is below a
// millisecond; NaN and the infinities are allowed. That holds for arguments and in a
// map[string]any or []any at any depth; all other types are first made JSON, in which
// the bytes and times of their fields are strings. A socketio.Raw is the value that its
// JSON is, its integers exact between -2^63 and 2^64. Integers are written as such also
// if they come as floats.
//
// On an error, which wraps socketio.ErrEncode or socketio.ErrRaw, it returns dst as it
// was: for a value that cannot be encoded, nests deeper than DepthMax, or makes no
// payload of that type.
func (Parser) AppendData(dst []byte, t socketio.Type, values []any) ([]byte, error) {
	e, err := encoder{dst: dst, depth: DepthMax}, error(nil)
	switch {
	case t == socketio.Event || t == socketio.Ack:
		e.depth-- // for the list itself
		err = e.values(values)
	case len(values) == 1:
		err = e.value(values[0])
	case len(values) > 1:
		return dst, fmt.Errorf("%w: %d values in a %s", socketio.ErrEncode, len(values), t)
	}
	if err == nil && len(e.dst) > len(dst) {
		err = checkWritten(t, e.dst[len(dst):])
	}
	if err != nil {
		return dst, err
	}
	return e.dst, nil
}

// checkWritten refuses what a peer would break off the connection for. The reserved
// names are the caller's affair.
func checkWritten(t socketio.Type, data []byte) error {
	h, body, _ := cutHead(data)
	switch {
	case !fits(t, h.kind):
		return fmt.Errorf("%w: this is no payload of a %s", socketio.ErrEncode, t)
	case t == socketio.Event && (h.n == 0 || forms[body[0]].kind != kindString):
		return fmt.Errorf("%w: an EVENT begins with its name", socketio.ErrEncode)
	}
	return nil
}

// fits says whether a payload of a kind is one of a type.
func fits(t socketio.Type, k kind) bool {
	switch t {
	case socketio.Connect:
		return k == kindMap
	case socketio.ConnectError:
		return k == kindMap || k == kindString
	case socketio.Event, socketio.Ack:
		return k == kindArray
	}
	return false
}

// AppendPacket appends a packet; data, which is copied, is of AppendData's making, nil
// for none. The members stand in the order in which the npm package's server has them,
// so that the packet equals its packet to the byte. An empty namespace is the main one.
func (Parser) AppendPacket(dst []byte, h socketio.Header, data []byte) []byte {
	if data == nil && h.Type == socketio.Ack {
		data = emptyArray // without which the npm package's clients break off the connection
	}
	members := 2
	if data != nil {
		members++
	}
	if h.HasID {
		members++
	}
	dst = appendMapHead(dst, members)
	if h.HasID && h.Type == socketio.Ack {
		dst = appendUint(append(dst, "\xa2id"...), h.ID)
	}
	dst = append(append(dst, "\xa4type"...), byte(h.Type))
	if data != nil {
		dst = appendPayload(append(dst, "\xa4data"...), data, h.Offset)
	}
	if h.HasID && h.Type != socketio.Ack {
		dst = appendUint(append(dst, "\xa2id"...), h.ID)
	}
	if h.Namespace == "" {
		h.Namespace = "/"
	}
	return appendString(append(dst, "\xa3nsp"...), h.Namespace)
}

var emptyArray = []byte{fixArray}

// appendPayload appends a payload, with the offset behind the last value of an event's.
func appendPayload(dst, data []byte, offset string) []byte {
	h, body, err := cutHead(data)
	if offset == "" || err != nil || h.kind != kindArray {
		return append(dst, data...)
	}
	dst = append(appendArrayHead(dst, h.n+1), body...)
	return appendString(dst, offset)
}

// Elements returns the values of an EVENT's or ACK's payload, one behind the other, and
// their number. They alias data, which is of a packet that Parse returned; of any other
// bytes there are none.
func (Parser) Elements(data []byte) (values []byte, n int) {
	h, body, err := cutHead(data)
	if err != nil || h.kind != kindArray {
		return nil, 0
	}
	return body, h.n
}

// Next splits the first of the values off that Elements returned. Both results alias
// them. values is not empty.
func (Parser) Next(values []byte) (value, rest []byte) {
	rest = skip(values)
	end := len(values) - len(rest)
	return values[:end:end], rest
}
