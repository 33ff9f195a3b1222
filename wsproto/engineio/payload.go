package engineio

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// Separator stands between the packets of a polling body (Engine.IO v4). JSON
// cannot hold it unescaped, which is why text that is not JSON needs a check.
const Separator = 0x1e

// The rules of a polling body.
var (
	ErrPayloadPackets = errors.New("engineio: too many packets in one payload")
	ErrPayloadText    = errors.New("engineio: payload is not UTF-8")
	ErrSeparator      = errors.New("engineio: packet contains the payload separator")
)

// CheckText refuses a polling body that is not UTF-8. Run it once over the whole
// body, before the first packet is taken: no packet of a bad body may reach anyone,
// because a WebSocket peer must fail on the bad bytes (RFC 6455 8.1).
func CheckText(body []byte) error {
	if !utf8.Valid(body) {
		return ErrPayloadText
	}
	return nil
}

// Payload takes the packets of a polling body one after the other, in time linear
// in the body and without holding more than one of them. The zero value is an
// empty body. It is not safe for use by several goroutines.
type Payload struct {
	rest    []byte
	packets int
	ended   bool
	err     error
}

// NewPayload returns a Payload that reads body. It keeps body until the last
// packet was taken.
func NewPayload(body []byte) Payload {
	return Payload{rest: body}
}

// Next returns the next packet, with ok set, or neither packet nor error when the
// body is at its end. The packets before a bad one are delivered; the bad one is
// an error, and every later call repeats it. Even an empty body holds one packet,
// which is empty and therefore an error.
//
// Data aliases the body; a binary packet's is fresh memory owned by the caller,
// at most three quarters of its text.
func (p *Payload) Next() (packet Packet, ok bool, err error) {
	if p.ended || p.err != nil {
		return Packet{}, false, p.err
	}
	if p.packets == PayloadPacketsMax {
		p.err = ErrPayloadPackets
		return Packet{}, false, p.err
	}
	packet, p.err = ParseText(p.cut())
	if p.err != nil {
		return Packet{}, false, p.err
	}
	p.packets++
	return packet, true, nil
}

// cut removes the text of one packet, which aliases the body, from the front.
func (p *Payload) cut() []byte {
	i := bytes.IndexByte(p.rest, Separator)
	if i < 0 {
		text := p.rest
		p.rest, p.ended = nil, true
		return text
	}
	text := p.rest[:i]
	p.rest = p.rest[i+1:] // a separator at the end leaves one more packet: an empty one
	return text
}

// AppendPacket appends one packet in the form of a polling body, without any
// separator. Text that contains a separator would arrive as several packets, forged
// by whoever wrote the text: it is refused with ErrSeparator, and dst comes back
// unchanged. The packet's Data is copied and stays the caller's.
func AppendPacket(dst []byte, p Packet) ([]byte, error) {
	switch {
	case p.Binary:
		return AppendBinaryBase64(dst, p.Data), nil
	case !p.Type.Valid():
		return dst, ErrUnknownType
	case bytes.IndexByte(p.Data, Separator) >= 0:
		return dst, ErrSeparator
	}
	return AppendText(dst, p.Type, p.Data), nil
}

// AppendPayload appends a polling body made of the packets, with separators between
// them. It is all or nothing: on an error dst comes back unchanged. The packets'
// Data is copied and stays the caller's.
func AppendPayload(dst []byte, packets ...Packet) ([]byte, error) {
	out := dst
	for i, p := range packets {
		if i > 0 {
			out = append(out, Separator)
		}
		var err error
		if out, err = AppendPacket(out, p); err != nil {
			return dst, err
		}
	}
	return out, nil
}
