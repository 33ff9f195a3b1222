package msgpack

import (
	"encoding/base64"
	"strconv"
)

// appendJSON appends the JSON of the value that b, which is checked, begins with, and
// returns what follows it. Binary data is base64, which is how Go's JSON carries bytes.
func appendJSON(dst, b []byte) (out, rest []byte) {
	h, body, _ := cutHead(b)
	rest = body[h.bytes():]
	switch h.kind {
	case kindNil:
		return append(dst, "null"...), rest
	case kindBool:
		return strconv.AppendBool(dst, h.code == codeTrue), rest
	case kindInt, kindUint, kindFloat:
		return numberOf(h, body).appendJSON(dst), rest
	case kindString:
		return appendJSONString(dst, body[:h.n]), rest
	case kindBinary:
		return appendBase64(dst, body[:h.n]), rest
	case kindExt:
		return appendExtJSON(dst, h, body[:h.n]), rest
	case kindArray:
		return appendArrayJSON(dst, h.n, body)
	case kindMap:
		return appendMapJSON(dst, h.n, body)
	}
	return dst, rest
}

func appendArrayJSON(dst []byte, n int, b []byte) (out, rest []byte) {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, b = appendJSON(dst, b)
	}
	return append(dst, ']'), b
}

func appendMapJSON(dst []byte, n int, b []byte) (out, rest []byte) {
	dst = append(dst, '{')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, b = appendKeyJSON(dst, b)
		dst, b = appendJSON(append(dst, ':'), b)
	}
	return append(dst, '}'), b
}

// appendKeyJSON appends a key, an integer as the string of its digits.
func appendKeyJSON(dst, b []byte) (out, rest []byte) {
	h, body, _ := cutHead(b)
	if h.kind == kindString {
		return appendJSONString(dst, body[:h.n]), body[h.n:]
	}
	dst = numberOf(h, body).appendJSON(append(dst, '"'))
	return append(dst, '"'), body[h.bytes():]
}

func appendExtJSON(dst []byte, h head, body []byte) []byte {
	switch e := h.extension(); e {
	case extUndefined:
		return append(dst, "null"...)
	case extBytes:
		return appendBase64(dst, body)
	case extDate, extTimestamp:
		return appendTimeJSON(dst, timeOf(e, body))
	}
	dst = strconv.AppendInt(append(dst, '['), int64(h.ext), 10)
	return append(appendBase64(append(dst, ','), body), ']')
}

func appendBase64(dst, b []byte) []byte {
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), b)
	return append(dst, '"')
}

// appendJSONString appends UTF-8 as a JSON string, escaped as JSON.stringify does it.
func appendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	done := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = appendEscape(append(dst, s[done:i]...), c)
		done = i + 1
	}
	return append(append(dst, s[done:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
