// Package ledger is the bookkeeping of a flood: what was sent, what arrived, and whether each receiver saw every message once
// and in order. It is arithmetic on values: no sockets, no clock, and no allocation for a message that arrives.
package ledger

import "math/bits"

// Verdict says what one arrival means to the receiver that saw it.
type Verdict uint8

// The verdicts of Sequence.Note.
const (
	Fresh      Verdict = iota // the message was new and nothing later had come before it
	Reordered                 // the message was new, but a later one had already come
	Duplicated                // the message had come before
	Unsent                    // the number lies further ahead than any sender may be
)

// Sequence is one receiver's memory of one numbered stream that starts at 0. The zero value is ready to use. It remembers
// SequenceWindowMax numbers from the lowest on that is still waited for, so it is 16 bytes whatever the length of the run. A number
// that has not arrived when one lies SequenceWindowMax ahead of it is given up as lost; should it come after all, it is taken for a
// double.
type Sequence struct {
	ahead   uint64 // bit i: number next+i has arrived although next has not; bit 0 is never set
	next    uint32 // the lowest number that is waited for
	givenUp uint32 // how many below next have never arrived
}

// SequenceFrom is a receiver's memory of a stream that it begins to hear at a number: those before it are none of its business.
func SequenceFrom(seq uint32) Sequence { return Sequence{next: seq} }

// Note records the arrival of a number and judges it.
func (s *Sequence) Note(seq uint32) Verdict {
	if seq == s.next && s.ahead == 0 {
		s.next++
		return Fresh
	}
	return s.noteOutOfStep(seq)
}

func (s *Sequence) noteOutOfStep(seq uint32) Verdict {
	if seq < s.next {
		return Duplicated
	}
	distance := seq - s.next
	if distance >= SequenceJumpMax {
		return Unsent
	}
	if distance >= SequenceWindowMax {
		s.giveUp(distance - (SequenceWindowMax - 1))
		s.settle()
		distance = seq - s.next
	}
	bit := uint64(1) << distance
	if s.ahead&bit != 0 {
		return Duplicated
	}
	verdict := Fresh
	if s.ahead > bit {
		verdict = Reordered
	}
	s.ahead |= bit
	s.settle()
	return verdict
}

// settle goes on to the lowest number that has not arrived.
func (s *Sequence) settle() {
	for s.ahead&1 != 0 {
		s.ahead >>= 1
		s.next++
	}
}

// giveUp moves on by n numbers, and counts those that have not arrived.
func (s *Sequence) giveUp(n uint32) {
	passed := s.ahead
	if n < 64 {
		passed &= 1<<n - 1
	}
	s.givenUp += n - uint32(bits.OnesCount64(passed))
	s.ahead >>= n // 0 from 64 on
	s.next += n
}

// Seen says whether a number has arrived, or has been given up.
func (s *Sequence) Seen(seq uint32) bool {
	if seq < s.next {
		return true
	}
	distance := seq - s.next
	return distance < SequenceWindowMax && s.ahead>>distance&1 != 0
}

// Missing is how many of the numbers below sent have not arrived.
func (s *Sequence) Missing(sent uint32) uint64 {
	missing := uint64(s.givenUp)
	if sent > s.next {
		missing += uint64(sent-s.next) - uint64(bits.OnesCount64(s.below(sent)))
	}
	return missing
}

// Beyond is how many numbers have arrived that are sent or higher, so that nobody can have sent them.
func (s *Sequence) Beyond(sent uint32) uint64 {
	beyond := uint64(bits.OnesCount64(s.ahead &^ s.below(sent)))
	if s.next > sent {
		beyond += uint64(s.next - sent)
	}
	return beyond
}

// below is what has arrived ahead of its turn, of the numbers below sent.
func (s *Sequence) below(sent uint32) uint64 {
	if sent <= s.next {
		return 0
	}
	if n := sent - s.next; n < 64 {
		return s.ahead & (1<<n - 1)
	}
	return s.ahead
}

// Gaps is how many numbers have not arrived although a later one has.
func (s *Sequence) Gaps() uint64 {
	return uint64(s.givenUp) + uint64(bits.Len64(s.ahead)-bits.OnesCount64(s.ahead))
}

// Ahead is the lowest number such that neither it nor any higher one has arrived.
func (s *Sequence) Ahead() uint32 { return s.next + uint32(bits.Len64(s.ahead)) }

// Tally counts arrivals by verdict. Tallies of several receivers are added.
type Tally struct {
	Delivered  uint64 `json:"delivered"`  // new messages, reordered ones among them
	Lost       uint64 `json:"lost"`       // sent and never arrived
	Duplicated uint64 `json:"duplicated"` // arrived again
	Reordered  uint64 `json:"reordered"`  // arrived after a later one
	Misrouted  uint64 `json:"misrouted"`  // arrived at a receiver that was not addressed
	Garbled    uint64 `json:"garbled"`    // not a message of this run, or a number never sent
}

// Note counts one verdict and says whether the message was new.
func (t *Tally) Note(v Verdict) bool {
	switch v {
	case Fresh:
		t.Delivered++
	case Reordered:
		t.Delivered++
		t.Reordered++
	case Duplicated:
		t.Duplicated++
		return false
	case Unsent:
		t.Garbled++
		return false
	}
	return true
}

// Add adds another tally to this one.
func (t *Tally) Add(other Tally) {
	t.Delivered += other.Delivered
	t.Lost += other.Lost
	t.Duplicated += other.Duplicated
	t.Reordered += other.Reordered
	t.Misrouted += other.Misrouted
	t.Garbled += other.Garbled
}

// Clean says that every message arrived once, in order, and only where it was meant to.
func (t *Tally) Clean() bool {
	return t.Lost == 0 && t.Duplicated == 0 && t.Reordered == 0 && t.Misrouted == 0 && t.Garbled == 0
}
