package scenario

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
		r.lostAtDoor += r.lostBefore(e)
	}
}

// lostBefore is how many messages were sent after a member knew that it was in, and before the first that it heard.
func (r *run) lostBefore(e entry) uint64 {
	lost, judged := r.sendings().lostBefore(e)
	if !judged && r.report.Stalled == "" {
		r.report.Stalled = "whether a member that came in has missed something was asked too late"
	}
	return lost
}

// sendings are those of whoever writes to the rooms.
func (r *run) sendings() *sendings {
	if r.senders != nil {
		return r.senders.sendings
	}
	return r.pub.sendings
}

// lostAtTheDoor is what those have lost who have come in since the run began, those among them who have heard nothing so far too.
func (r *run) lostAtTheDoor() uint64 {
	lost := r.lostAtDoor
	for _, p := range r.parts {
		for _, e := range p.Unheard {
			e.First = r.sentTo(e.Room)
			lost += r.lostBefore(e)
		}
	}
	return lost
}

// sentTo is how many messages went to a room.
func (r *run) sentTo(room uint32) uint32 {
	if r.senders != nil {
		return r.senders.sent.rooms[room]
	}
	return publishedTo(int(room), r.cfg.Rooms, r.pub.published)
}
