package msgpack

import (
	"bytes"
	"strconv"
	"strings"

	"starling/wsproto/socketio"
)

// This file turns JSON into MessagePack, in which a container begins with the number
// of its elements. So the text is read twice: to count, and to write.

// appendFromJSON appends a JSON value, which is known to be strict and without white
// space. It is false, and nothing appended, for one that nests deeper than depth.
func appendFromJSON(dst, text []byte, depth int) (out []byte, ok bool) {
	var few [countsMax]uint32
	counts, deepest := countElements(few[:0], text)
	if deepest > depth {
		return dst, false
	}
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '[', '{':
			if c == '[' {
				dst = appendArrayHead(dst, int(counts[0]))
			} else {
				dst = appendMapHead(dst, int(counts[0]))
			}
			counts = counts[1:]
			i++
		case '"':
			end := quotedEnd(text, i)
			dst = appendQuoted(dst, text[i:end])
			i = end
		case ',', ':', ']', '}':
			i++
		default:
			end := bareEnd(text, i)
			dst = appendBare(dst, text[i:end])
			i = end
		}
	}
	return dst, true
}

// countElements appends the number of elements or members of each container, in the
// order in which they open, and says how deep they nest.
func countElements(counts []uint32, text []byte) (_ []uint32, deepest int) {
	var stack [DepthMax + 1]int32 // of indices of counts; the JSON of package socketio nests no deeper than DepthMax
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = quotedEnd(text, i) - 1
		case ',':
			counts[stack[depth]]++
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
			stack[depth] = int32(len(counts))
			counts = append(counts, elementsBegun(text[i+1]))
		case ']', '}':
			depth--
		}
	}
	return counts, deepest
}

// elementsBegun counts the element whose first character stands behind the bracket.
func elementsBegun(c byte) uint32 {
	if c == ']' || c == '}' {
		return 0
	}
	return 1
}

// quotedEnd returns the index after the string whose quote stands at i.
func quotedEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// bareEnd returns the index after the number or literal that begins at i.
func bareEnd(text []byte, i int) int {
	for ; i < len(text); i++ {
		if c := text[i]; c == ',' || c == ']' || c == '}' {
			break
		}
	}
	return i
}

// appendQuoted appends a JSON string. One with escapes is decoded by package socketio,
// at one allocation.
func appendQuoted(dst, quoted []byte) []byte {
	raw := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return append(appendStringHead(dst, len(raw)), raw...)
	}
	var s string
	_ = socketio.Bind(quoted, nil, &s) // it is a string, so there is no error
	return appendString(dst, s)
}

func appendBare(dst, bare []byte) []byte {
	switch bare[0] {
	case 'n':
		return append(dst, codeNil)
	case 't':
		return append(dst, codeTrue)
	case 'f':
		return append(dst, codeFalse)
	}
	return appendNumber(dst, string(bare))
}

// appendNumber appends a JSON number: the integer that it is, also where a float64 is
// too coarse for it, or the float64 nearest to it. One above all floats is infinite, as
// in JavaScript.
func appendNumber(dst []byte, number string) []byte {
	if !strings.ContainsAny(number, ".eE") {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			return appendInt(dst, n)
		}
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			return appendUint(dst, n)
		}
	}
	f, _ := strconv.ParseFloat(number, 64) // its only error comes with an infinity
	return appendFloat(dst, f)
}
