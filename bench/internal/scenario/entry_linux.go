package scenario

import "slices"

// entry is a member that has come into its room while messages were sent to it: what was sent after the server had said that it was
// in must reach it.
type entry struct {
	Room  uint32
	Ns    int64  // when it knew, on flood's clock
	First uint32 // the number of the first message that it heard
}

// enters judges those who came in.
func (r *run) enters(all []entry) {
	for _, e := range all {
		r.lostAtDoor += r.senders.lostBefore(e)
	}
}

// lostBefore is how many messages were sent after a member knew that it was in, and before the first that it heard.
func (s *senders) lostBefore(e entry) uint64 {
	due, _ := slices.BinarySearch(s.sentAt[e.Room], e.Ns)
	return uint64(max(int(e.First)-due, 0))
}

// lostAtTheDoor is what those have lost who have come in since the run began, those among them who have heard nothing so far too.
func (r *run) lostAtTheDoor() uint64 {
	lost := r.lostAtDoor
	for _, p := range r.parts {
		for _, e := range p.Unheard {
			e.First = r.senders.sent.rooms[e.Room]
			lost += r.senders.lostBefore(e)
		}
	}
	return lost
}
