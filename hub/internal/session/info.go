package session

import (
	"math/bits"
	"time"
)

// Transport is the name of what the session goes over at present: "polling" or "websocket". It stays what it was when the
// session is over.
func (s *Session) Transport() string {
	if s.conn == nil {
		return "polling"
	}
	return "websocket"
}

// QueuedBytes is how much waits for the client: on its connection until the kernel takes it, or for its next GET.
func (s *Session) QueuedBytes() int {
	switch {
	case s.conn != nil:
		return s.conn.Pending()
	case s.poll != nil:
		return s.poll.bytes - len(s.poll.out)*packetBytes
	}
	return 0
}

// RoundTrip is how long the client took to answer the last heartbeat that it has answered, to within a thousandth; 0 if it
// has answered none yet. Of one that polls the wait for its next GET is part of it. One that was under way while the
// session went over to its WebSocket does not count.
func (s *Session) RoundTrip() time.Duration { return s.trip.duration() }

// trip is a time in microseconds as m<<e, in 16 bits: more than 60 hours fit, to within a thousandth.
type trip uint16

const (
	tripExponentBits = 5
	tripMantissaBits = 16 - tripExponentBits
	tripExponentMax  = 1<<tripExponentBits - 1
	tripMantissaMax  = 1<<tripMantissaBits - 1
)

// tripOf is the trip that took d, or the longest one that there is. Any trip takes some time: 0 stands for none.
func tripOf(d time.Duration) trip {
	us := uint64(max(d.Microseconds(), 1))
	e := max(bits.Len64(us)-tripMantissaBits, 0)
	if e > tripExponentMax {
		us, e = tripMantissaMax<<tripExponentMax, tripExponentMax
	}
	return trip(us>>e<<tripExponentBits) | trip(e)
}

func (t trip) duration() time.Duration {
	return time.Duration(t>>tripExponentBits) << (t & tripExponentMax) * time.Microsecond
}
