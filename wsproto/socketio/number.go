package socketio

import (
	"math"
	"strconv"
)

// exactDigitsMax is the number of digits below which each integer is a float64 of
// its own, so that its digits are the name JavaScript gives it.
const exactDigitsMax = 15

// numberName returns a JSON number as JavaScript's String(number) prints it. It
// aliases number if that is a small integer already, which it always is in practice.
func numberName(number []byte) []byte {
	if plainInteger(number) {
		return number
	}
	f, err := strconv.ParseFloat(string(number), 64)
	switch {
	case err != nil && !math.IsInf(f, 0): // not a legal number
		return nil
	case math.IsInf(f, 1): // 1e999 is a legal JSON number
		return []byte("Infinity")
	case math.IsInf(f, -1):
		return []byte("-Infinity")
	}
	return appendNumber(nil, f, 64)
}

// plainInteger says that number reads the same in every language.
func plainInteger(number []byte) bool {
	digits := number
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > exactDigitsMax || digits[0] == '0' && len(number) > 1 {
		return false
	}
	for _, c := range digits {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// appendNumber appends a finite number as JavaScript prints it: plain digits between
// 1e-6 and 1e21, an exponent without leading zeros outside, and no negative zero.
func appendNumber(dst []byte, f float64, bits int) []byte {
	if f == 0 {
		return append(dst, '0')
	}
	format, size := byte('f'), math.Abs(f)
	if size < 1e-6 || size >= 1e21 {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && dst[n-2] == '0' && dst[n-4] == 'e' {
		dst[n-2] = dst[n-1] // e-07 is e-7 there
		dst = dst[:n-1]
	}
	return dst
}
