package scenario

import (
	"time"

	"starling/bench/internal/stock"
)

// arrival is something that a guest's connection has brought, on its way to the guest.
type arrival struct {
	due     int64  // on flood's clock
	session uint32 // of the guest at that time; a guest that has left it does not hear of it
	guest   int32
	status  int
	body    []byte
	cause   stock.Cause
	kind    arrivalKind
	link    stock.Link
}

type arrivalKind uint8

const (
	answered arrivalKind = iota
	upgraded
	framed
	ended
)

// deliver tells the client.
func (a *arrival) deliver(to *stock.Client) {
	switch a.kind {
	case answered:
		to.Answered(a.link, a.status, a.body)
	case upgraded:
		to.Upgraded()
	case framed:
		to.Frame(a.body)
	case ended:
		to.Closed(a.link, a.cause)
	}
}

// answerDelay is how long the stock client takes to look at an answer, or at the failure of a request: the XMLHttpRequest that it
// uses in Node hands both on by setTimeout(0), which is 1 ms. What comes over the WebSocket it sees at once. So on a short way
// 3probe may come before the client has begun its next poll, and then it begins none.
const answerDelay = time.Millisecond

// line is what is on its way with the same delay: first in, first out.
type line struct {
	arrivals []arrival
	head     int
}

func (l *line) push(a arrival) { l.arrivals = append(l.arrivals, a) }

// first is the one that is due first, nil if there is none.
func (l *line) first() *arrival {
	if l.head == len(l.arrivals) {
		return nil
	}
	return &l.arrivals[l.head]
}

// lineSlackMax is how many places of a line may stand empty before it is moved up.
const lineSlackMax = 4096

func (l *line) pop() arrival {
	a := l.arrivals[l.head]
	l.arrivals[l.head] = arrival{}
	l.head++
	if l.head == len(l.arrivals) || l.head == lineSlackMax {
		n := copy(l.arrivals, l.arrivals[l.head:])
		clear(l.arrivals[n:])
		l.arrivals, l.head = l.arrivals[:n], 0
	}
	return a
}

// take returns the frames that are on their way to a session. They stay in the line, for a session that nobody is in any more.
func (l *line) take(guest int32, session uint32) (frames [][]byte) {
	for i := l.head; i < len(l.arrivals); i++ {
		if a := &l.arrivals[i]; a.kind == framed && a.guest == guest && a.session == session {
			frames = append(frames, a.body)
			a.body = nil
		}
	}
	return frames
}
