package page

import (
	"math"
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	for _, tc := range []struct {
		in   float64
		want string
	}{
		{0, "0"},
		{5, "5"},
		{999, "999"},
		{1000, "1,000"},
		{1234567, "1,234,567"},
		{-1234.5, "−1,234"},
		{-0.0001, "−0.000100"},
		{6.0013, "6.00"},
		{9.996, "10.0"},
		{12.345, "12.3"},
		{99.96, "100"},
		{123.4, "123"},
		{0.5, "0.500"},
		{0.0123, "0.0123"},
		{1e-12, "0.000000000"},
		{math.NaN(), "–"},
		{math.Inf(1), "–"},
	} {
		if got := Count(tc.in); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.in, got, tc.want)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{Micros(0.5), "0.500 µs"},
		{Micros(999), "999 µs"},
		{Micros(999.6), "1.00 ms"},
		{Micros(1500), "1.50 ms"},
		{Micros(61e6), "61 s"},
		{Bytes(512), "512 B"},
		{Bytes(1 << 20), "1 MiB"},
		{Bytes(1.5 * (1 << 30)), "1.50 GiB"},
		{Bytes(-2048), "−2 KiB"},
		{bytesEach(1039.6).String(), "1,040 B"},
		{bytesEach(3 << 20).String(), "3 MiB"},
		{Cores(0.126), "0.13"},
		{axisTime(0), "0"},
		{axisTime(2500), "2.5 ms"},
		{axisNumber(20000), "20k"},
		{axisNumber(1.5e6), "1.5M"},
		{axisBytes(5 << 20), "5 MiB"},
		{exact(275.80099317), "275.801"},
		{exact(-1234567.5), "−1,234,567.5"},
		{ofUnit(1500, "us").String(), "1.50 ms"},
		{ofUnit(1.5, "s").String(), "1.50 s"},
		{ofUnit(2, "1/s").String(), "2 /s"},
		{ofUnit(3, "").String(), "3"},
		{ofUnit(3, "bytes/h").String(), "3 bytes/h"},
		{clock(0, 3600), "0 s"},
		{clock(7200, 3600), "2 h"},
		{clock(90, 30), "90 s"},
		{clock(-120, 60), "−2 min"},
	} {
		if got := strings.ReplaceAll(tc.got, "\u00a0", " "); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tc := range []struct {
		in    string
		runes int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöüß", 3, "äö…"}, {"ab", 1, "…"}, {"", 0, ""}} {
		if got := shorten(tc.in, tc.runes); got != tc.want {
			t.Errorf("%q in %d: %q", tc.in, tc.runes, got)
		}
	}
}
