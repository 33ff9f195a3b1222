package wsproto

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// headerLen is the length of a frame header whose second byte is b (RFC 6455 5.2).
func headerLen(b byte) int {
	n := 2
	switch b & lenBits {
	case lenIs16:
		n += 2
	case lenIs64:
		n += 8
	}
	if b&maskBit != 0 {
		n += maskBytes
	}
	return n
}

// parseHeader reads the frame header at the front of b, which it does not keep.
// n is the length of the header, or 0 while b ends before it does.
func parseHeader(b []byte) (h ws.Header, n int, fault ProtocolError) {
	if len(b) < 2 || len(b) < headerLen(b[1]) {
		return h, 0, 0
	}
	n = headerLen(b[1])
	h.Fin = b[0]&finBit != 0
	h.Rsv = b[0] & rsvBits >> 4
	h.OpCode = ws.OpCode(b[0] & opBits)
	if h.Masked = b[1]&maskBit != 0; h.Masked {
		copy(h.Mask[:], b[n-maskBytes:n])
	}
	h.Length, fault = parseLength(b)
	return h, n, fault
}

// parseLength reads the payload length of a header that is complete. The
// minimal number of bytes must be used to encode it (RFC 6455 5.2): two ways to
// write a length are two ways to read one.
func parseLength(b []byte) (int64, ProtocolError) {
	switch short := b[1] & lenBits; short {
	case lenIs16:
		n := binary.BigEndian.Uint16(b[2:])
		if n < lenIs16 {
			return 0, ErrLengthNotMinimal
		}
		return int64(n), 0
	case lenIs64:
		n := int64(binary.BigEndian.Uint64(b[2:]))
		if n < 0 { // RFC 6455 5.2: the most significant bit must be 0
			return 0, ErrLengthTopBit
		}
		if n <= len16Max {
			return 0, ErrLengthNotMinimal
		}
		return n, 0
	default:
		return int64(short), 0
	}
}

// ruleOf names what ws.CheckHeader found, which is one of a fixed set.
func ruleOf(err error) ProtocolError {
	switch err {
	case ws.ErrProtocolNonZeroRsv:
		return ErrReservedBits // RFC 6455 5.2: no extension gives them a meaning
	case ws.ErrProtocolOpCodeReserved:
		return ErrReservedOpcode // RFC 6455 5.2
	case ws.ErrProtocolMaskRequired:
		return ErrMaskMissing // RFC 6455 5.1
	case ws.ErrProtocolMaskUnexpected:
		return ErrMaskUnexpected // RFC 6455 5.1
	case ws.ErrProtocolControlPayloadOverflow:
		return ErrControlTooLong // RFC 6455 5.5
	case ws.ErrProtocolControlNotFinal:
		return ErrControlFragmented // RFC 6455 5.5
	case ws.ErrProtocolContinuationExpected:
		return ErrContinuationExpected // RFC 6455 5.4
	default: // ws.ErrProtocolContinuationUnexpected
		return ErrContinuationOrphan // RFC 6455 5.4
	}
}
