package msgpack

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// This file writes the values of MessagePack, each in its shortest form, which is the
// one that the npm package has for it.

// appendHead appends the head of a map, array or string: fixed holds the count if it is
// at most fixedMax, else a code and its length field follow. code8 is the first of the
// three codes, with one, two and four bytes; arrays and maps have no first.
func appendHead(dst []byte, n int, fixed, fixedMax, code8 byte) []byte {
	switch {
	case n <= int(fixedMax):
		return append(dst, fixed|byte(n))
	case n <= math.MaxUint8 && fixed == fixStr:
		return append(dst, code8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, code8+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, code8+2), uint32(n))
}

func appendArrayHead(dst []byte, n int) []byte {
	return appendHead(dst, n, fixArray, 15, codeArray16-1)
}

func appendMapHead(dst []byte, n int) []byte {
	return appendHead(dst, n, fixMap, 15, codeMap16-1)
}

func appendStringHead(dst []byte, n int) []byte {
	return appendHead(dst, n, fixStr, 31, codeStr8)
}

// appendString appends s, with U+FFFD for each byte that is not UTF-8, as in the
// standard format.
func appendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return append(appendStringHead(dst, len(s)), s...)
}

func appendBinary(dst, b []byte) []byte {
	switch n := len(b); {
	case n <= math.MaxUint8:
		dst = append(dst, codeBin8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, codeBin8+1), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, codeBin8+2), uint32(n))
	}
	return append(dst, b...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, codeTrue)
	}
	return append(dst, codeFalse)
}

func appendUint(dst []byte, n uint64) []byte {
	switch {
	case n <= math.MaxInt8:
		return append(dst, byte(n))
	case n <= math.MaxUint8:
		return append(dst, codeUint8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeUint8+1), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, codeUint8+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeUint8+3), n)
}

func appendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendUint(dst, uint64(n))
	case n >= -32:
		return append(dst, byte(n))
	case n >= math.MinInt8:
		return append(dst, codeInt8, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, codeInt8+1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, codeInt8+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeInt8+3), uint64(n))
}

// appendFloat appends an integer if f is one, as the npm package does: JavaScript has
// one kind of numbers only. Negative zero is 0 then.
func appendFloat(dst []byte, f float64) []byte {
	switch {
	case f != math.Trunc(f): // NaN too
	case f >= 0 && f < 1<<64:
		return appendUint(dst, uint64(f))
	case f < 0 && f >= -1<<63:
		return appendInt(dst, int64(f))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeFloat64), math.Float64bits(f))
}
