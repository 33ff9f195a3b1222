package scenario

import (
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// churnDue has members go and come again as the timetable wants it.
func (a *agent) churnDue(now int64) {
	for _, ok := a.churn.next(now); ok; _, ok = a.churn.next(now) {
		i := a.pickChurner()
		if i < 0 {
			a.measured.unsent++
			continue
		}
		a.measured.churned++
		if m := &a.members[i]; !a.wire.leaves() || a.random.Float64() < a.cfg.ReconnectShare {
			a.reconnect(i, now)
		} else {
			a.leave(m)
		}
	}
}

// churnTrials is how many members are looked at for one that is free to go; after so many in vain hardly any is.
const churnTrials = 16

func (a *agent) pickChurner() int {
	if len(a.churners) == 0 {
		return -1
	}
	for range churnTrials {
		i := int(a.churners[a.random.IntN(len(a.churners))])
		if a.members[i].state == entered {
			return i
		}
	}
	return -1
}

// leave asks to be let out of the room. What was published before may still come.
func (a *agent) leave(m *member) {
	a.out = a.wire.appendLeave(a.out[:0], m.room)
	a.loop.Send(m.conn, a.out)
	m.state = leaving
}

// left has a member that is out come in again.
func (a *agent) left(m *member) {
	if m.state != leaving {
		a.fault(&a.tally.Garbled)
		return
	}
	a.progress++
	a.forgetRoom(m)
	a.ask(m)
}

// reconnect closes a member's connection and opens another.
func (a *agent) reconnect(i int, now int64) {
	m := &a.members[i]
	a.loop.Close(m.conn)
	a.diary.Connected--
	a.measured.reconnected++
	a.forgetAll(m)
	a.enter(i, now)
}

// forgetRoom closes the account of what a member has heard in its room so far, as far as it can be told: what is missing before the
// last that it heard is lost. What it hears next begins a new one.
func (a *agent) forgetRoom(m *member) {
	a.lostBefore += m.seq.Gaps()
	m.heard = max(m.heard, m.seq.Ahead())
	m.seq, m.floating = ledger.Sequence{}, true
}

// forgetAll does that for all that a connection brings.
func (a *agent) forgetAll(m *member) {
	a.forgetRoom(m)
	a.lostBefore += m.echoes.Gaps()
	m.echoes, m.heard = ledger.SequenceFrom(m.sent), 0
}

// Members that have lost their connection come back as the stock client would: after half a second to one and a half, and after
// twice as long each time that it is in vain, up to five seconds.
const (
	returnDelay    = time.Second
	returnDelayMax = 5 * time.Second
)

// comeBack sets the time of a member's next attempt.
func (a *agent) comeBack(i int) {
	m := &a.members[i]
	m.conn, m.state = nil, absent
	delay := min(returnDelay<<min(m.attempts, 8), returnDelayMax)
	m.attempts++
	due := flood.Now() + int64(float64(delay)*(0.5+a.random.Float64()))
	a.alarms.push(alarm{due, int32(i)})
}

// ringAlarms lets those in whose time has come.
func (a *agent) ringAlarms(now int64) {
	for len(a.alarms) > 0 && a.alarms[0].due <= now {
		i := int(a.alarms.pop().guest)
		a.enter(i, now)
	}
}
