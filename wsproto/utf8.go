package wsproto

import "unicode/utf8"

// validPrefix reports how many bytes at the front of b are whole runes, and
// whether b can still become valid UTF-8: ok is false as soon as nothing that
// may follow makes it so (RFC 6455 8.1 asks for the failure, the Autobahn suite
// for failing at once). At most the last 3 bytes are left for the next time, so
// a message that arrives in pieces is looked at once.
func validPrefix(b []byte) (whole int, ok bool) {
	whole = len(b)
	for i := len(b) - 1; i >= max(0, len(b)-(utf8.UTFMax-1)); i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) { // a rune that is cut, and not yet wrong
				whole = i
			}
			break
		}
	}
	return whole, utf8.Valid(b[:whole])
}
