package wsproto

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// CloseCode says why a connection is closed (RFC 6455 7.4).
type CloseCode uint16

// The codes that a server has a use for (RFC 6455 7.4.1).
const (
	CloseNone           CloseCode = 0 // an empty close body, which the peer reports as 1005
	CloseNormal         CloseCode = 1000
	CloseGoingAway      CloseCode = 1001
	CloseProtocolError  CloseCode = 1002
	CloseUnsupported    CloseCode = 1003
	CloseInvalidPayload CloseCode = 1007
	ClosePolicy         CloseCode = 1008
	CloseTooBig         CloseCode = 1009
	CloseInternal       CloseCode = 1011
)

// onWire reports whether the code may be in a close frame. It takes what the
// registry that RFC 6455 11.7 founded has added since (1012 to 1014), and
// refuses what stands for an event without a frame: 1005, 1006 and 1015.
func (c CloseCode) onWire() bool {
	switch {
	case c < 1000, c == 1004, c == 1005, c == 1006: // RFC 6455 7.4.1, 7.4.2
		return false
	case c <= 1014:
		return true
	default:
		return 3000 <= c && c <= 4999 // RFC 6455 7.4.2: libraries and private use
	}
}

// ParseClose reads the body of a close frame (RFC 6455 5.5.1). An empty body is
// CloseNone. The reason aliases payload.
func ParseClose(payload []byte) (code CloseCode, reason []byte, err error) {
	code, reason, fault := parseClose(payload)
	return code, reason, fault.asError()
}

func parseClose(payload []byte) (CloseCode, []byte, ProtocolError) {
	if len(payload) == 0 {
		return CloseNone, nil, 0
	}
	if len(payload) == 1 { // RFC 6455 5.5.1: the code is two bytes
		return CloseNone, nil, ErrCloseBodyShort
	}
	code, reason := CloseCode(binary.BigEndian.Uint16(payload)), payload[2:]
	if !code.onWire() {
		return CloseNone, nil, ErrCloseCode
	}
	if !utf8.Valid(reason) { // RFC 6455 5.5.1, 8.1
		return CloseNone, nil, ErrCloseReasonNotUTF8
	}
	return code, reason, 0
}

// AppendClose appends an unmasked close frame and returns the extended slice.
// The reason is cut at a rune to what a control frame holds. CloseNone, and any
// code that must not travel, becomes the empty close frame 88 00.
func AppendClose(dst []byte, code CloseCode, reason string) []byte {
	start := len(dst)
	dst = AppendCloseBody(append(dst, finBit|byte(OpClose), 0), code, reason)
	dst[start+1] = byte(len(dst) - start - 2)
	return dst
}

// AppendCloseBody appends what AppendClose sends as the payload, for a client,
// who has to mask it, and returns the extended slice.
func AppendCloseBody(dst []byte, code CloseCode, reason string) []byte {
	if !code.onWire() {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, cutReason(strings.ToValidUTF8(reason, "\uFFFD"))...)
}

func cutReason(reason string) string {
	if len(reason) <= CloseReasonBytesMax {
		return reason
	}
	n := CloseReasonBytesMax
	for !utf8.RuneStart(reason[n]) {
		n--
	}
	return reason[:n]
}

// EchoClose appends the unmasked close frame that a server answers a peer's
// close frame with, and returns the extended slice. It repeats the code and not
// the reason (RFC 6455 5.5.1); a body that breaks the rules is answered with
// the code of the rule.
func EchoClose(dst, payload []byte) []byte {
	code, _, fault := parseClose(payload)
	if fault != 0 {
		code = fault.CloseCode()
	}
	return AppendClose(dst, code, "")
}
