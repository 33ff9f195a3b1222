package msgpack

import (
	"encoding/binary"
	"math"
	"strconv"
)

// number is a number of any form: an integer, unless it is kept as a float or as an
// unsigned integer that is none.
type number struct {
	kind     kind // kindInt, kindUint above the largest int64, or kindFloat
	integer  int64
	unsigned uint64
	float    float64
}

// numberOf reads the number with the head h. body is what follows the head.
func numberOf(h head, body []byte) number {
	switch {
	case h.n == 0: // a fixint is its own code
		return number{kind: kindInt, integer: int64(int8(h.code))}
	case h.code == codeFloat32:
		return number{kind: kindFloat, float: float64(math.Float32frombits(binary.BigEndian.Uint32(body)))}
	case h.code == codeFloat64:
		return number{kind: kindFloat, float: math.Float64frombits(binary.BigEndian.Uint64(body))}
	}
	n := bigEndian(body[:h.n])
	switch {
	case h.kind == kindInt:
		shift := 64 - 8*h.n // to spread the sign
		return number{kind: kindInt, integer: int64(n<<shift) >> shift}
	case n > math.MaxInt64:
		return number{kind: kindUint, unsigned: n}
	}
	return number{kind: kindInt, integer: int64(n)}
}

// exact is the largest integer below which JavaScript's numbers are all exact.
const exact = 1 << 53

// asInt returns the integer that a number is, in whatever form it came, if it is an
// int64.
func (n number) asInt() (i int64, ok bool) {
	switch n.kind {
	case kindInt:
		return n.integer, true
	case kindFloat:
		if n.float == math.Trunc(n.float) && math.Abs(n.float) <= exact {
			return int64(n.float), true
		}
	}
	return 0, false
}

func (n number) asFloat() float64 {
	switch n.kind {
	case kindInt:
		return float64(n.integer)
	case kindUint:
		return float64(n.unsigned)
	}
	return n.float
}

// appendJSON appends the number, an integer with all its digits. What JSON has no
// number for is null, as in JavaScript.
func (n number) appendJSON(dst []byte) []byte {
	switch {
	case n.kind == kindInt:
		return strconv.AppendInt(dst, n.integer, 10)
	case n.kind == kindUint:
		return strconv.AppendUint(dst, n.unsigned, 10)
	case math.IsNaN(n.float) || math.IsInf(n.float, 0):
		return append(dst, "null"...)
	}
	return appendDigits(dst, n.float)
}

// text is what JavaScript's String(number) returns. An integer too large to be exact
// there is rounded first.
func (n number) text() string {
	f := n.asFloat()
	switch {
	case n.kind == kindInt && n.integer >= -exact && n.integer <= exact:
		return strconv.FormatInt(n.integer, 10)
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return string(appendDigits(nil, f))
}

// appendDigits appends a finite number as JavaScript prints it (ECMA-262,
// "Number::toString"): plain digits from 1e-6 to 1e21, and outside an exponent without
// leading zeros.
func appendDigits(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0') // also if it is negative
	}
	if size := math.Abs(f); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && dst[n-4] == 'e' {
		dst = append(dst[:n-2], dst[n-1])
	}
	return dst
}
