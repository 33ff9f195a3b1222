//go:build invariants || race

package wsproto

import "starling/internal/invariants"

// loan remembers the accumulator that was handed out last, so that whoever
// reads a payload after its time is seen at once.
type loan struct{ payload []byte }

// give lends an accumulator, or nothing if the payload lies elsewhere.
func (l *loan) give(payload []byte) { l.payload = payload }

func (l *loan) end() {
	invariants.Mangle(l.payload)
	l.payload = nil
}
