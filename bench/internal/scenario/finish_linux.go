package scenario

import (
	"fmt"
	"time"

	"starling/bench/internal/flood"
)

// published is how many messages were sent to each room, and to each member alone.
type published struct {
	rooms  []uint32
	direct []uint32 // by connection number; nil if there were none
	lastNs []int64  // when each room was written to last; nil where nobody comes in meanwhile
}

// finishGrace is how long an agent whose members still miss something waits while nothing comes at all.
const finishGrace = 2 * time.Second

// beginFinish begins to wait for what is still to come.
func (a *agent) beginFinish(c command) {
	now := flood.Now()
	a.begin(opFinish)
	a.finishNs = now
	a.sent = published{c.Rooms, c.Direct, c.LastNs}
	a.turnPage(now)
	a.finish(now)
}

// finish closes the accounts once all has arrived, or nothing more does: what was sent and has not come is lost.
func (a *agent) finish(now int64) {
	open, unfounded := uint64(0), uint64(0)
	for i := range a.members {
		missing, beyond := a.owed(i)
		open += missing
		unfounded += beyond
	}
	waiting := open > 0 || a.expectant()
	coming := a.onTheirWay()
	patient := now-a.seenNs < int64(min(finishGrace, a.cfg.Timeout)) && now-a.finishNs < int64(a.cfg.Timeout)
	if patient && (waiting && !a.deaf() || coming != "") {
		return
	}
	if coming != "" && a.stalled == "" {
		a.stalled = coming
	}
	a.tally.Lost = a.lostBefore + open
	p := a.tally
	a.tally.Delivered -= min(unfounded, a.tally.Delivered)
	a.tally.Garbled += unfounded
	a.done()
	a.tally = p // an account may be closed again
}

// expectant says whether something is on its way to a member that has come in and heard nothing yet. What of that is lost the run
// knows, which knows when each message was sent.
func (a *agent) expectant() bool {
	if a.sent.lastNs == nil {
		return false
	}
	for i := range a.members {
		if m := &a.members[i]; m.floating && m.state == entered && a.sent.lastNs[m.room] > m.sinceNs {
			return true
		}
	}
	return false
}

// onTheirWay says who is still on the way in, or out, "" if nobody is.
func (a *agent) onTheirWay() string {
	var in, asks, leaves int
	for i := range a.members {
		switch m := &a.members[i]; {
		case m.slow:
		case m.state == dialling || m.state == absent && a.cfg.Return:
			in++
		case m.state == asking:
			asks++
		case m.state == leaving:
			leaves++
		}
	}
	switch {
	case in > 0:
		return fmt.Sprintf("%d members have not come back", in)
	case asks > 0:
		return missing(asks, "answers to a join")
	case leaves > 0:
		return missing(leaves, "answers to a leave")
	default:
		return ""
	}
}

// deaf says that there is nobody left for whom anything could come.
func (a *agent) deaf() bool {
	for i := range a.members {
		if m := &a.members[i]; m.conn != nil && !m.slow {
			return false
		}
	}
	return true
}

// owed is what a member should have received by now and has not, and what it has received that was never sent.
func (a *agent) owed(i int) (missing, beyond uint64) {
	m := &a.members[i]
	if m.slow {
		return 0, 0
	}
	missing = m.echoes.Missing(m.sent)
	if a.sent.direct != nil {
		n := a.sent.direct[a.share.First+i]
		missing, beyond = missing+m.direct.Missing(n), m.direct.Beyond(n)
	}
	switch {
	case m.floating: // it has come and heard nothing yet
	case len(a.sent.rooms) == 0:
	case m.state == entered || m.state == absent && !a.cfg.Return:
		n := a.sent.rooms[m.room]
		missing, beyond = missing+m.seq.Missing(n), beyond+m.seq.Beyond(n)
	default: // it was on its way out or in: what it has heard must be without gaps
		missing += m.seq.Gaps()
	}
	return missing, beyond
}

// publishedTo is how many of the messages that went to the rooms in turn went to one of them.
func publishedTo(room, rooms int, total uint64) uint32 {
	n := total / uint64(rooms)
	if uint64(room) < total%uint64(rooms) {
		n++
	}
	return uint32(n)
}
