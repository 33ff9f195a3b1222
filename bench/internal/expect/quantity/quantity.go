// Package quantity reads and writes the numbers of a benchmark the way people do: 20ms, 4KiB, 1.5M. What it writes has three
// significant digits, so that columns of it can be compared by eye.
package quantity

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The rules of a quantity.
var (
	ErrNumber = errors.New("quantity: not a number")
	ErrUnit   = errors.New("quantity: unknown unit: want ns, us, ms, s or m for a time; B, KB, KiB, MB, MiB, GB or GiB for bytes; k or M for a count; or %")
)

// Kind is what a quantity measures.
type Kind int8

// The kinds, and what Quantity.Value counts for each.
const (
	Number  Kind = iota // things, or what has no unit
	Time                // microseconds
	Bytes               // bytes
	Percent             // hundredths
)

func (k Kind) String() string { return [...]string{"number", "time", "size in bytes", "percentage"}[k] }

// Quantity is a number with the kind of its unit.
type Quantity struct {
	Value float64
	Kind  Kind
	Per   string // "s" of "100k/s"; "" if it is no rate
}

var units = map[string]Quantity{
	"":   {1, Number, ""},
	"k":  {1e3, Number, ""},
	"M":  {1e6, Number, ""},
	"ns": {1e-3, Time, ""}, "us": {1, Time, ""}, "µs": {1, Time, ""}, "ms": {1e3, Time, ""}, "s": {1e6, Time, ""}, "m": {60e6, Time, ""},
	"B": {1, Bytes, ""}, "KB": {1e3, Bytes, ""}, "kB": {1e3, Bytes, ""}, "MB": {1e6, Bytes, ""}, "GB": {1e9, Bytes, ""},
	"KiB": {1 << 10, Bytes, ""}, "MiB": {1 << 20, Bytes, ""}, "GiB": {1 << 30, Bytes, ""},
	"%": {1, Percent, ""},
}

// Parse reads a decimal number and its unit, with or without blanks between them, and behind it perhaps the time that a rate is of,
// as /s. The letters' case matters: m is a minute, and M a million.
func Parse(text string) (Quantity, error) {
	text, per, isRate := strings.Cut(strings.TrimSpace(text), "/")
	if isRate && per == "" {
		return Quantity{}, fmt.Errorf("%w: %q", ErrUnit, text+"/")
	}
	end := numberEnd(text)
	v, err := strconv.ParseFloat(text[:end], 64)
	if err != nil || math.IsInf(v, 0) {
		return Quantity{}, fmt.Errorf("%w: %q", ErrNumber, text)
	}
	unit, ok := units[strings.TrimSpace(text[end:])]
	if !ok {
		return Quantity{}, fmt.Errorf("%w: %q", ErrUnit, text[end:])
	}
	v *= unit.Value
	if math.IsInf(v, 0) {
		return Quantity{}, fmt.Errorf("%w: %q", ErrNumber, text)
	}
	return Quantity{v, unit.Kind, per}, nil
}

// numberEnd finds the end of a sign, digits, a fraction and an exponent; an e without digits behind it is no exponent. What
// strconv takes besides (hexadecimal, inf, underscores) is no number here.
func numberEnd(text string) int {
	at := sign(text, 0)
	at = digits(text, at)
	if at < len(text) && text[at] == '.' {
		at = digits(text, at+1)
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		from := sign(text, at+1)
		if to := digits(text, from); to > from {
			return to
		}
	}
	return at
}

func sign(text string, at int) int {
	if at < len(text) && (text[at] == '+' || text[at] == '-') {
		at++
	}
	return at
}

func digits(text string, at int) int {
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at
}
