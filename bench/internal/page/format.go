package page

import (
	"math"
	"strconv"
	"strings"
)

// quantity is a number as people read it, and its unit.
type quantity struct{ Value, Unit string }

func (q quantity) String() string {
	if q.Unit == "" {
		return q.Value
	}
	return q.Value + "\u00a0" + q.Unit
}

// Count writes a number with commas: three digits that matter where there is a fraction, all of them where there is none.
func Count(v float64) string { return count(v, false) }

// axisCount writes a number beside an axis, where it is a round one.
func axisCount(v float64) string { return count(v, true) }

func count(v float64, brief bool) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return grouped(v, decimals(math.Abs(v)), brief)
}

// grouped writes so many decimals, and commas between the thousands.
func grouped(v float64, decimals int, brief bool) string {
	text := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	if brief {
		fraction = strings.TrimRight(fraction, "0")
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if v < 0 && strings.Trim(text, "0.") != "" {
		whole = "−" + whole
	}
	return whole + fraction
}

// decimals are those of three digits that matter.
func decimals(v float64) int {
	switch {
	case v == math.Trunc(v) || v >= 99.95:
		return 0
	case v >= 9.995:
		return 1
	case v >= 0.9995:
		return 2
	}
	return min(-int(math.Floor(math.Log10(v)))+2, 9)
}

// scale is a unit and how many of the smallest it is.
type scale struct {
	of   float64
	unit string
}

var (
	timeScales  = []scale{{1, "µs"}, {1e3, "ms"}, {1e6, "s"}}
	byteScales  = []scale{{1, "B"}, {1 << 10, "KiB"}, {1 << 20, "MiB"}, {1 << 30, "GiB"}, {1 << 40, "TiB"}}
	countScales = []scale{{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}}
)

// in writes v in the greatest unit that leaves at least one of it.
func in(scales []scale, v float64) quantity { return inWith(Count, scales, v) }

func inWith(write func(float64) string, scales []scale, v float64) quantity {
	best := scales[0]
	for _, s := range scales[1:] {
		if math.Abs(v) >= s.of*0.9995 {
			best = s
		}
	}
	return quantity{write(v / best.of), best.unit}
}

// Micros writes a time that is given in microseconds.
func Micros(us float64) string { return in(timeScales, us).String() }

func axisTime(us float64) string  { return axis(timeScales, us) }
func axisBytes(n float64) string  { return axis(byteScales, n) }
func axisNumber(v float64) string { return strings.Replace(axis(countScales, v), "\u00a0", "", 1) }

func axis(scales []scale, v float64) string {
	if v == 0 {
		return "0"
	}
	return inWith(axisCount, scales, v).String()
}

// Cores writes how many processors are in use, in hundredths.
func Cores(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) }

// Bytes writes an amount of memory.
func Bytes(n float64) string { return in(byteScales, n).String() }

// bytesEach is for what one connection takes: bytes, as the limits are spoken of, until there are too many of them.
func bytesEach(n float64) quantity {
	if math.Abs(n) < 1e5 {
		return quantity{Count(math.Round(n)), "B"}
	}
	return in(byteScales, n)
}

// exact writes a metric's value in its own unit, with the four decimals that a report keeps.
func exact(v float64) string { return grouped(v, 4, true) }

// ofUnit writes a value by its unit in report.Metric.
func ofUnit(v float64, unit string) quantity {
	switch unit {
	case "us":
		return in(timeScales, v)
	case "s":
		return in(timeScales, v*1e6)
	case "bytes":
		return bytesEach(v)
	case "1/s":
		return quantity{Count(v), "/s"}
	}
	return quantity{Count(v), unit}
}

// shorten keeps what fits in so many characters.
func shorten(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:max(runes-1, 0)]) + "…"
	}
	return s
}
