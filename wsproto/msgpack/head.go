package msgpack

import (
	"unicode/utf8"

	"starling/wsproto/socketio"
)

// kind is what a value is, however it is written.
type kind uint8

const (
	kindNone kind = iota // no value begins with this byte
	kindNil
	kindBool
	kindInt
	kindUint
	kindFloat
	kindString
	kindBinary
	kindExt
	kindArray
	kindMap
)

// form is how values that begin with one certain byte go on (MessagePack, "Formats").
type form struct {
	kind   kind
	fixed  uint8 // the length, if no length field follows
	length uint8 // bytes of the length field
}

var forms = makeForms()

func makeForms() (f [256]form) {
	for i := range 128 {
		f[i] = form{kind: kindInt} // positive fixint
	}
	for i := range 32 {
		f[fixStr+i] = form{kind: kindString, fixed: uint8(i)}
		f[0xe0+i] = form{kind: kindInt} // negative fixint
	}
	for i := range 16 {
		f[fixMap+i] = form{kind: kindMap, fixed: uint8(i)}
		f[fixArray+i] = form{kind: kindArray, fixed: uint8(i)}
	}
	f[codeNil] = form{kind: kindNil}
	f[codeFalse], f[codeTrue] = form{kind: kindBool}, form{kind: kindBool}
	f[codeFloat32], f[codeFloat64] = form{kind: kindFloat, fixed: 4}, form{kind: kindFloat, fixed: 8}
	for i := range 4 {
		width := uint8(1) << i
		f[codeUint8+i] = form{kind: kindUint, fixed: width}
		f[codeInt8+i] = form{kind: kindInt, fixed: width}
	}
	for i := range 5 {
		f[codeFixExt1+i] = form{kind: kindExt, fixed: 1 << i}
	}
	for i := range 3 {
		width := uint8(1) << i
		f[codeBin8+i] = form{kind: kindBinary, length: width}
		f[codeExt8+i] = form{kind: kindExt, length: width}
		f[codeStr8+i] = form{kind: kindString, length: width}
	}
	for i := range 2 {
		width := uint8(2) << i
		f[codeArray16+i] = form{kind: kindArray, length: width}
		f[codeMap16+i] = form{kind: kindMap, length: width}
	}
	return f
}

// The first bytes of values; those in between follow in the order of their width.
const (
	fixMap      = 0x80
	fixArray    = 0x90
	fixStr      = 0xa0
	codeNil     = 0xc0
	codeFalse   = 0xc2
	codeTrue    = 0xc3
	codeBin8    = 0xc4
	codeExt8    = 0xc7
	codeFloat32 = 0xca
	codeFloat64 = 0xcb
	codeUint8   = 0xcc
	codeInt8    = 0xd0
	codeFixExt1 = 0xd4
	codeFixExt8 = 0xd7
	codeStr8    = 0xd9
	codeArray16 = 0xdc
	codeMap16   = 0xde
)

// head is what stands before the bytes, elements or members of a value.
type head struct {
	kind kind
	code byte // the first byte
	ext  int8 // the type of an extension
	n    int  // bytes of a number, string, binary or extension; elements of an array; members of a map
}

// cutHead takes the head off the front of b. What n promises is there, as far as that
// can be told from the number of bytes: each element takes one at least.
func cutHead(b []byte) (h head, body []byte, err error) {
	if len(b) == 0 {
		return h, nil, ErrTruncated
	}
	f := forms[b[0]]
	h.kind, h.code = f.kind, b[0]
	n, body := uint64(f.fixed), b[1:]
	if f.length > 0 {
		if len(body) < int(f.length) {
			return h, nil, ErrTruncated
		}
		n, body = bigEndian(body[:f.length]), body[f.length:]
	}
	needed := n
	switch f.kind {
	case kindNone:
		return h, nil, ErrCode
	case kindExt:
		if len(body) == 0 {
			return h, nil, ErrTruncated
		}
		h.ext, body = int8(body[0]), body[1:]
	case kindMap:
		needed *= 2
	}
	if needed > uint64(len(body)) {
		return h, nil, ErrTruncated
	}
	h.n = int(n)
	return h, body, nil
}

// bigEndian reads all of b, eight bytes at most.
func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// children is the number of values that stand directly in one with this head.
func (h head) children() int {
	switch h.kind {
	case kindArray:
		return h.n
	case kindMap:
		return 2 * h.n
	}
	return 0
}

// bytes is the number of bytes between the head and what follows the value, or its
// first child.
func (h head) bytes() int {
	if h.kind >= kindArray {
		return 0
	}
	return h.n
}

// check reads the value that b begins with, with all that it contains, and returns
// what follows it. It may nest to depth.
func check(b []byte, depth int) (rest []byte, err error) {
	h, body, err := cutHead(b)
	if err != nil {
		return nil, err
	}
	switch h.kind {
	case kindString:
		if !utf8.Valid(body[:h.n]) {
			return nil, ErrUTF8
		}
	case kindArray, kindMap:
		return checkChildren(h, body, depth)
	case kindExt:
		if depth == 0 && h.extension() == extForeign { // it becomes an array
			return nil, socketio.ErrPayloadDepth
		}
	}
	return body[h.n:], nil
}

func checkChildren(h head, body []byte, depth int) (rest []byte, err error) {
	if depth == 0 {
		return nil, socketio.ErrPayloadDepth
	}
	for range h.n {
		if h.kind == kindMap {
			if body, err = checkKey(body); err != nil {
				return nil, err
			}
		}
		if body, err = check(body, depth-1); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// checkKey wants a string, or an integer, which in JavaScript is the string of its
// digits. What else could be a key there is nothing that anybody sends: an object, for
// one, would be the key "[object Object]".
func checkKey(b []byte) (rest []byte, err error) {
	if len(b) > 0 {
		switch forms[b[0]].kind {
		case kindString, kindInt, kindUint:
			return check(b, 0)
		case kindNone:
			return nil, ErrCode
		}
		return nil, ErrKey
	}
	return nil, ErrTruncated
}

// skip returns what follows the value that b begins with: nothing, if b is not what
// check has let through.
func skip(b []byte) (rest []byte) {
	for left := 1; left > 0; left-- {
		h, body, err := cutHead(b)
		if err != nil {
			return nil
		}
		left += h.children()
		b = body[h.bytes():]
	}
	return b
}
