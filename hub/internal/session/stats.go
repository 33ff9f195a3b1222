package session

// Stats is what a table has at a moment, and what it has seen since it was made.
type Stats struct {
	Polling   int // sessions that poll
	WebSocket int // sessions over a WebSocket

	BegunPolling   uint64               // sessions that have begun by polling
	BegunWebSocket uint64               // those that have begun over a WebSocket
	Upgraded       uint64               // those that have gone over to one
	Closed         [ReasonsCount]uint64 // sessions that have ended, by Reason
	Refused        [CausesCount]uint64  // requests that were refused, by Cause
}

// ReasonsCount is more than any Reason.
const ReasonsCount = len(reasons)

// Stats returns what there is and what was seen. It costs the same however many sessions there are.
func (t *Table) Stats() Stats {
	s := t.stats
	s.WebSocket = len(t.sessions) - s.Polling
	return s
}
