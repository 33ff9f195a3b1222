package scenario

import (
	"slices"
	"time"
)

// sendings are when messages were sent to each room, as far back as anybody may still ask: what a member must hear that comes in while
// messages flow depends on that. They take the memory of what is sent in a minute, however long a run is. nil keeps nothing.
type sendings struct{ rooms []roomSendings }

// roomSendings are those to one room.
type roomSendings struct {
	at          []int64 // when the messages were sent, from number first on
	first       uint32
	forgottenNs int64 // when message first-1 was sent
}

// sendingsKept is for how long they are kept at least. Agents tell each second who has come in and has heard something.
const sendingsKept = 30 * time.Second

func newSendings(rooms int) *sendings { return &sendings{make([]roomSendings, rooms)} }

func (s *sendings) add(room int, ns int64) {
	if s != nil {
		s.rooms[room].add(ns)
	}
}

// add forgets the oldest, where it would have to take more memory otherwise.
func (r *roomSendings) add(ns int64) {
	if len(r.at) == cap(r.at) {
		if old, _ := slices.BinarySearch(r.at, ns-int64(sendingsKept)); old > len(r.at)/2 {
			r.forgottenNs = r.at[old-1]
			r.first += uint32(old)
			r.at = r.at[:copy(r.at, r.at[old:])]
		}
	}
	r.at = append(r.at, ns)
}

// lastNs is when each room was written to last, 0 if it never was; nil if nobody keeps that.
func (s *sendings) lastNs() []int64 {
	if s == nil {
		return nil
	}
	all := make([]int64, len(s.rooms))
	for room, of := range s.rooms {
		if n := len(of.at); n > 0 {
			all[room] = of.at[n-1] // the last is never forgotten
		}
	}
	return all
}

// lostBefore is how many messages were sent after a member knew that it was in, and before the first that it heard. Where the times
// are forgotten that would tell it is the least that it may be; judged is false if it cannot be told whether it is none.
func (s *sendings) lostBefore(e entry) (lost uint64, judged bool) {
	r := &s.rooms[e.Room]
	due, _ := slices.BinarySearch(r.at, e.Ns)
	from := r.first + uint32(due)
	if due == 0 && r.first > 0 && r.forgottenNs >= e.Ns {
		from--
		judged = e.First >= r.first
	} else {
		judged = true
	}
	return uint64(max(int64(e.First)-int64(from), 0)), judged
}
