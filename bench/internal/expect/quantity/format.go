package quantity

import (
	"math"
	"strconv"
	"strings"
)

// step is a unit to write with: what it is of the one before the first, and its sign.
type step struct {
	size float64
	sign string
}

var (
	times  = []step{{1, "us"}, {1e3, "ms"}, {1e6, "s"}}
	sizes  = []step{{1, "B"}, {1 << 10, "KiB"}, {1 << 20, "MiB"}, {1 << 30, "GiB"}, {1 << 40, "TiB"}}
	counts = []step{{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}}
)

// digitsFull and digitsShort are how many significant digits are written.
const (
	digitsFull  = 3
	digitsShort = 2
)

// FormatTime writes microseconds: "950 us", "1.20 ms", "12.0 s".
func FormatTime(us float64) string { return join(us, times, digitsFull, " ") }

// FormatTimeShort writes them in at most five columns below 1,000 s: "1.2ms".
func FormatTimeShort(us float64) string { return join(us, times, digitsShort, "") }

// FormatBytes writes bytes: "512 B", "1.50 KiB".
func FormatBytes(n float64) string { return join(n, sizes, digitsFull, " ") }

// FormatCount writes a number of things: "950", "1.20k", "12.0M"; in at most five columns below a trillion.
func FormatCount(n float64) string { return join(n, counts, digitsFull, "") }

// Format writes a value that is in the unit of a report's metric: "us", "s", "bytes", "1/s", "", or one of them per another ("bytes/h").
func Format(v float64, unit string) string {
	base, per, isRate := strings.Cut(unit, "/")
	text := ""
	switch base {
	case "us":
		text = FormatTime(v)
	case "s":
		text = FormatTime(v * 1e6)
	case "bytes":
		text = FormatBytes(v)
	default:
		text = FormatCount(v)
	}
	if isRate {
		text += "/" + per
	}
	return text
}

func join(v float64, steps []step, digits int, blank string) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case math.IsInf(v, 1):
		return "inf"
	case v < 0:
		return "-" + join(-v, steps, digits, blank)
	}
	number, sign := pick(v, steps, digits)
	if sign == "" {
		return number
	}
	return number + blank + sign
}

// pick chooses the largest unit of which there is at least one once the number is rounded, so that nothing is ever "1000 us".
func pick(v float64, steps []step, digits int) (number, sign string) {
	// A whole number of the smallest unit has no fraction that would pretend to a precision it does not have.
	if v == math.Trunc(v) && v < steps[1].size {
		return strconv.FormatFloat(v, 'f', 0, 64), steps[0].sign
	}
	for i, s := range steps {
		number = significant(v/s.size, digits)
		rounded, _ := strconv.ParseFloat(number, 64)
		if i+1 == len(steps) || rounded*s.size < steps[i+1].size {
			return number, s.sign
		}
	}
	return number, ""
}

// significant writes so many digits, and all those before the point.
func significant(v float64, digits int) string {
	places := digits - 1
	for limit := 10.0; places > 0 && v >= limit; limit *= 10 {
		places--
	}
	text := strconv.FormatFloat(v, 'f', places, 64)
	// 9.996 has one digit more before the point when it has been rounded.
	if rounded, _ := strconv.ParseFloat(text, 64); places > 0 && rounded >= math.Pow10(digits-places) {
		text = strconv.FormatFloat(v, 'f', places-1, 64)
	}
	return text
}
