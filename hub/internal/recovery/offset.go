package recovery

import (
	"io"

	"starling/internal/invariants"
)

// Position is the place of a message in the stream of its namespace. Positions only grow, and some have no message.
type Position uint64

// OffsetBytes is the length of every offset, so that one can be written into a packet that is encoded already.
const OffsetBytes = epochBytes + 1 + positionBytes

const (
	epochBytes    = 6 // 36 random bits
	positionBytes = 9 // 54 bits: ten million messages a second for 57 years
	offsetMark    = '~'
	digitBits     = 6

	digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" // base64url, RFC 4648 5
)

// Offset is a position as clients know it: of 16 characters that JSON does not escape. It begins with the epoch of its
// journal, drawn at random, which tells what an earlier process has given out, or another namespace. The character behind
// that tells it from an application's own string of this length.
type Offset [OffsetBytes]byte

// String returns the offset as a string.
func (o Offset) String() string { return string(o[:]) }

type epoch [epochBytes]byte

// newEpoch draws an epoch.
func newEpoch(random io.Reader) (e epoch) {
	if _, err := io.ReadFull(random, e[:]); err != nil {
		panic("recovery: no randomness: " + err.Error()) // crypto/rand does not fail
	}
	for i := range e {
		e[i] = digits[e[i]%(1<<digitBits)]
	}
	return e
}

// offset returns a position as clients know it.
func (e epoch) offset(p Position) (o Offset) {
	invariants.Assert(p>>(positionBytes*digitBits) == 0, "a position that no offset can hold")
	copy(o[:], e[:])
	o[epochBytes] = offsetMark
	for i := OffsetBytes - 1; i > epochBytes; i-- {
		o[i] = digits[p%(1<<digitBits)]
		p >>= digitBits
	}
	return o
}

// parseOffset takes an offset apart.
func parseOffset(s string) (e epoch, p Position, ok bool) {
	if len(s) != OffsetBytes || s[epochBytes] != offsetMark {
		return e, 0, false
	}
	for i := range s {
		if i != epochBytes && digitValues[s[i]] < 0 {
			return e, 0, false
		}
	}
	copy(e[:], s)
	for i := epochBytes + 1; i < OffsetBytes; i++ {
		p = p<<digitBits | Position(digitValues[s[i]])
	}
	return e, p, true
}

// digitValues are the values of digits, -1 for what is none.
var digitValues = func() (values [256]int8) {
	for i := range values {
		values[i] = -1
	}
	for i := range digits {
		values[digits[i]] = int8(i)
	}
	return values
}()
