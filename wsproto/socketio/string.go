package socketio

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// everyByte repeats a byte eight times when multiplied with it.
const everyByte = 0x0101010101010101

// plainRun returns the index of the first byte at or after i that a JSON string
// cannot hold as it is: a quote, a backslash or a control character; len(b) if
// there is none. It looks at eight bytes at a time. Each of the three tests may
// report false hits, but only in bytes above a true one, and only the lowest counts.
func plainRun(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote := w ^ everyByte*'"'
		slash := w ^ everyByte*'\\'
		hit := (quote-everyByte)&^quote | (slash-everyByte)&^slash | (w-everyByte*' ')&^w
		if hit &= everyByte * 0x80; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// scanString reads the rest of a JSON string whose opening quote stands before i.
// It returns the index after the closing quote, or -1 if the string is not legal
// (RFC 8259 7), and whether there were escapes in it.
func scanString(b []byte, i int) (end int, escaped bool) {
	for {
		i = plainRun(b, i)
		switch {
		case i >= len(b) || b[i] < ' ':
			return -1, escaped
		case b[i] == '"':
			return i + 1, escaped
		}
		n := escapeLen(b[i:])
		if n == 0 {
			return -1, escaped
		}
		i, escaped = i+n, true
	}
}

// escapeLen returns the length of the escape at the beginning of b, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads the four digits of a \u escape.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		digit := c - '0'
		if digit > 9 {
			if digit = (c | 0x20) - 'a' + 10; digit < 10 || digit > 15 {
				return 0, false
			}
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// appendUnquoted appends the text that raw, the inside of a legal JSON string,
// stands for. Half a surrogate pair, which JavaScript can send but UTF-8 cannot
// hold, becomes U+FFFD.
func appendUnquoted(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		run := plainRun(raw, i)
		dst = append(dst, raw[i:run]...)
		if i = run; i == len(raw) {
			break
		}
		n := escapeLen(raw[i:])
		if n == 0 {
			break // not the inside of a legal string
		}
		if n == 2 {
			dst = append(dst, unescaped(raw[i+1]))
			i += n
			continue
		}
		r, n := decodeU(raw[i:])
		dst = utf8.AppendRune(dst, r) // which turns a surrogate into U+FFFD
		i += n
	}
	return dst
}

// unescaped returns the byte that the escape \c stands for.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// decodeU reads a legal \u escape, or the two of a surrogate pair, and its length.
func decodeU(b []byte) (r rune, n int) {
	r, _ = hex4(b[2:])
	if utf16.IsSurrogate(r) && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		low, _ := hex4(b[8:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return r, 6
}

// appendString appends s as a JSON string, escaped as JSON.stringify does it, U+2028
// and U+2029 unescaped. Bytes that are not UTF-8 become U+FFFD: written raw they
// would make every peer that receives them fail (RFC 6455 8.1).
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := len(dst)
	dst = append(dst, s...)
	if text := dst[start:]; plainRun(text, 0) < len(text) || !utf8.Valid(text) {
		dst = appendEscaped(dst[:start], s)
	}
	return append(dst, '"')
}

// appendEscaped is the slow way of appendString.
func appendEscaped(dst []byte, s string) []byte {
	for _, r := range s { // ranging yields U+FFFD for each bad byte
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = appendControl(dst, byte(r))
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func appendControl(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
