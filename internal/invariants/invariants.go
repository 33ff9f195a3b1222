// Package invariants holds the assertions that a developer's and CI's builds pay for and a release does not.
//
// They are on in builds with the tag `invariants` and in every race build, and compile to nothing otherwise.
// An assertion states what must be true whatever a peer sends: a peer's mistake is an error value, never an
// assertion. Do not hide whole code paths behind Enabled either, or the path that production takes goes untested.
package invariants

import "fmt"

// mangledByte fills a borrowed buffer after its loan ends. A run of it is invalid UTF-8, invalid JSON, no packet type
// and no WebSocket opcode, so whoever reads the buffer too late stumbles at once instead of seeing plausible bytes.
const mangledByte = 0xCC

// Assert panics with the formatted message unless cond holds. Without invariants it does nothing and allocates nothing,
// but the condition and the arguments are still computed: guard a hot assertion whose condition costs something with
// `if invariants.Enabled`.
func Assert(cond bool, format string, args ...any) {
	if Enabled && !cond {
		panic("invariant violated: " + fmt.Sprintf(format, args...))
	}
}

// Mangle overwrites all of b, so that reading a borrowed buffer after its loan ended is seen by the first test that
// does it. The caller must own b and be done with it. It does nothing in builds without invariants.
func Mangle(b []byte) {
	if !Enabled {
		return
	}
	for i := range b {
		b[i] = mangledByte
	}
}
