package doctor

import (
	"fmt"
	"math"
	"strconv"
)

// number writes a number with commas: 1,048,576.
func number(n int64) string {
	if n == math.MaxInt64 {
		return "unlimited"
	}
	digits := strconv.FormatInt(n, 10)
	first := len(digits) % 3
	text := digits[:first]
	for i := first; i < len(digits); i += 3 {
		if text != "" {
			text += ","
		}
		text += digits[i : i+3]
	}
	return text
}

// atLeast and atMost are what is wanted of a number.
func atLeast(n int64) string { return ">= " + number(n) }
func atMost(n int64) string  { return "<= " + number(n) }

// size writes bytes with two digits or more: 512 B, 1.1 KiB, 391 MiB.
func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if value >= 10 || value == math.Trunc(value) {
		return fmt.Sprintf("%.0f %s", value, units[unit])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// times multiplies without an overflow: what is too much stays the most.
func times(a, b int64) int64 {
	if a != 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}

// plus adds without an overflow.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
