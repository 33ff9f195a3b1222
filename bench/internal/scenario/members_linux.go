package scenario

import (
	"bytes"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// room counts the arrivals of its messages at this agent's members, where the next message waits for that.
type room struct {
	members uint32                           // of this agent, that stay
	arrived [ledger.SequenceWindowMax]uint32 // by message number modulo the window, which is wider than what is in flight
}

func (a *agent) openRooms() {
	if a.share.Count == 0 || a.cfg.open() {
		return
	}
	first, last := a.cfg.roomOf(a.share.First), a.cfg.roomOf(a.share.First+a.share.Count-1)
	a.rooms = make([]room, last-first+1)
	for i := range a.share.Count {
		if !a.members[i].goes {
			a.rooms[a.cfg.roomOf(a.share.First+i)-first].members++
		}
	}
}

func (a *agent) roomAt(number uint32) *room { return &a.rooms[number-a.cfg.roomOf(a.share.First)] }

// join keeps the window of joins full and ends the phase after the last answer.
func (a *agent) join() {
	for a.flying < a.window && a.next < len(a.members) {
		m := &a.members[a.next]
		a.next++
		if m.state != present {
			continue
		}
		a.ask(m)
		if m.state == asking {
			a.flying++
		}
	}
	if a.flying == 0 && a.next == len(a.members) {
		a.done()
	}
}

// ask asks to be let into the room, where that is necessary at all.
func (a *agent) ask(m *member) {
	if !a.wire.needsJoin() {
		m.state = entered
		return
	}
	a.out = a.wire.appendJoin(a.out[:0], m.room)
	a.loop.Send(m.conn, a.out)
	m.state = asking
}

func (a *agent) entered(m *member) {
	if m.state != asking {
		a.fault(&a.tally.Garbled)
		return
	}
	m.state, m.sinceNs = entered, a.heardAt()
	a.progress++
	if a.phase == opJoin {
		a.flying--
		a.join()
	}
}

// deliver keeps the account of one delivery. It is the hot path of the whole client: it allocates nothing.
func (a *agent) deliver(m *member, message []byte) {
	stamp, ok := ledger.FindStamp(message)
	if !ok || stamp.Run != a.cfg.RunID {
		a.fault(&a.tally.Garbled)
		return
	}
	if stamp.Room != m.room {
		a.deliverDirect(m, stamp)
		return
	}
	if m.floating && !a.hearFirst(m, stamp.Seq) {
		return
	}
	if !a.note(m.seq.Note(stamp.Seq)) {
		return
	}
	a.arrived(stamp, flood.Now())
	if a.rooms != nil && !m.goes {
		a.countArrival(stamp)
	}
}

// heardAt is when that was heard which the agent is being told of.
func (a *agent) heardAt() int64 {
	if at := a.door.replays(); at != 0 {
		return at
	}
	return flood.Now()
}

// hearFirst begins a member's account anew. One that hears something before it knows that it is in has nothing to miss. What it heard
// over the same connection before it left, or what is older, must not come again: first is false if it does.
func (a *agent) hearFirst(m *member, seq uint32) (first bool) {
	if seq < m.heard {
		a.note(ledger.Duplicated)
		return false
	}
	m.seq, m.floating = ledger.SequenceFrom(seq), false
	if m.state == entered {
		a.diary.Entries = append(a.diary.Entries, entry{m.room, m.sinceNs, seq})
	}
	return true
}

// unheard are the members that have come in and heard nothing so far.
func (a *agent) unheard() (all []entry) {
	for i := range a.members {
		if m := &a.members[i]; m.floating && m.state == entered {
			all = append(all, entry{Room: m.room, Ns: m.sinceNs})
		}
	}
	return all
}

func (a *agent) deliverDirect(m *member, stamp ledger.Stamp) {
	if m.conn == nil || stamp.Room != directStream|m.conn.Number() {
		a.fault(&a.tally.Misrouted)
		return
	}
	if a.note(m.direct.Note(stamp.Seq)) {
		a.arrived(stamp, flood.Now())
	}
}

// countArrival tells the publisher when a message has reached all members of this agent.
func (a *agent) countArrival(stamp ledger.Stamp) {
	r := a.roomAt(stamp.Room)
	arrived := &r.arrived[stamp.Seq%ledger.SequenceWindowMax]
	if *arrived == 0 {
		a.coming += int(r.members)
	}
	*arrived++
	a.coming--
	if *arrived == r.members {
		*arrived = 0
		a.up.count(stamp.Room, stamp.Seq, r.members)
	}
}

// deniedMax is how many different refusals are told apart.
const deniedMax = 20

// denied counts what the server did not do, and ends the run, unless members come back: then the member is one that was lost.
func (a *agent) denied(m *member, message []byte) {
	a.progress++
	what, args := "echo", ackOf(message)
	switch m.state {
	case asking:
		what, m.state = "join", present
	case leaving:
		what, m.state = "leave", entered
	}
	if a.cfg.Return && a.phase != opJoin {
		a.turnAway(m)
		return
	}
	reason := what + " refused: " + failureOf(bytes.TrimSuffix(args[1:], []byte("]")))
	if _, known := a.refusals[reason]; !known && len(a.refusals) >= deniedMax {
		reason = what + " refused"
	}
	if len(a.refusals) == 0 {
		a.up.emit(event{Op: opGone})
	}
	a.refusals[reason]++
	switch {
	case a.phase == opJoin:
		a.flying--
		a.join()
	case a.phase == opEcho:
		a.flying--
		a.endEcho()
	}
}

// turnAway has a member that was not let in come back another time.
func (a *agent) turnAway(m *member) {
	i := int(m.conn.Number()) - a.share.First
	a.loop.Close(m.conn)
	a.diary.Connected--
	a.diary.Disconnected++
	a.measured.dropped++
	a.forgetAll(m)
	a.comeBack(i)
}
