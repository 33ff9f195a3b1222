package wsproto

import (
	"encoding/binary"

	"github.com/gobwas/ws"

	"starling/internal/invariants"
)

// Opcode says what a frame carries (RFC 6455 5.2).
type Opcode byte

// The opcodes that are not reserved.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA

	// None is the opcode of no message. It is OpContinuation's number, which
	// no message has: a continuation is handed out as the text or binary
	// message that it ends.
	None = OpContinuation
)

// IsControl reports whether op is that of a close, ping or pong frame.
func (op Opcode) IsControl() bool { return op&0x8 != 0 }

// The bits and marks of a frame's first two bytes (RFC 6455 5.2).
const (
	finBit    = 0x80
	rsvBits   = 0x70
	opBits    = 0x0f
	maskBit   = 0x80
	lenBits   = 0x7f
	lenIs16   = 126 // the length is in the next 2 bytes
	lenIs64   = 127 // the length is in the next 8 bytes
	len16Max  = 0xffff
	maskBytes = 4
)

// AppendFrame appends one whole unmasked frame, as a server sends it, and
// returns the extended slice. It copies payload. A control frame takes at most
// ControlBytesMax bytes.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, true, len(payload)), payload...)
}

// AppendHeader appends the header of an unmasked frame of payloadLen bytes,
// which the caller sends after it, and returns the extended slice. fin is false
// on every fragment of a message but the last.
func AppendHeader(dst []byte, op Opcode, fin bool, payloadLen int) []byte {
	if invariants.Enabled && op.IsControl() && (payloadLen > ControlBytesMax || !fin) {
		panic("wsproto: a control frame is too long or fragmented") // RFC 6455 5.5
	}
	first := byte(op)
	if fin {
		first |= finBit
	}
	switch {
	case payloadLen < lenIs16:
		return append(dst, first, byte(payloadLen))
	case payloadLen <= len16Max:
		return binary.BigEndian.AppendUint16(append(dst, first, lenIs16), uint16(payloadLen))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, lenIs64), uint64(payloadLen))
	}
}

// AppendMaskedFrame appends one whole masked frame, as a client sends it, and
// returns the extended slice. It copies payload and leaves it as it is.
func AppendMaskedFrame(dst []byte, op Opcode, mask [4]byte, payload []byte) []byte {
	start := len(dst)
	dst = AppendHeader(dst, op, true, len(payload))
	dst[start+1] |= maskBit
	dst = append(append(dst, mask[:]...), payload...)
	ws.Cipher(dst[len(dst)-len(payload):], mask, 0)
	return dst
}

// PrependHeader makes a frame of a payload that was encoded behind
// HeaderBytesMax reserved bytes of buf, so that a message for many is laid out
// once and copied never. It writes the header right in front of the payload and
// returns the frame, which is the tail of buf. It panics if buf is shorter than
// the reserve.
func PrependHeader(buf []byte, op Opcode) []byte {
	var scratch [HeaderBytesMax]byte
	payload := buf[HeaderBytesMax:]
	header := AppendHeader(scratch[:0], op, true, len(payload))
	frame := buf[HeaderBytesMax-len(header):]
	copy(frame, header)
	return frame
}
