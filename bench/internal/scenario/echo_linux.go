package scenario

import (
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// echo starts as many echoes on each connection as are to be in flight there; each that returns starts the next.
func (a *agent) echo(d time.Duration) {
	now := flood.Now()
	a.echoEnd = now + int64(d)
	for i := range a.members {
		for range a.cfg.Depth {
			a.sendEcho(&a.members[i], now, now)
		}
	}
	a.endEcho()
}

// sendEcho sends an echo that was due at a time.
func (a *agent) sendEcho(m *member, dueNs, now int64) {
	if m.conn == nil {
		return
	}
	stamp := ledger.Stamp{
		Run: a.cfg.RunID, Room: echoStream | m.conn.Number(), Seq: m.sent, SentNs: dueNs, LagUs: lagUs(dueNs, now),
	}
	a.out = a.wire.appendEcho(a.out[:0], stamp)
	m.sent++
	a.flying++
	a.diary.Sent++
	a.loop.Send(m.conn, a.out)
}

// lagUs is how late something is sent.
func lagUs(dueNs, now int64) uint32 { return uint32(min((now-dueNs)/1000, 1<<32-1)) }

// echoDue sends the echoes that the timetable wants, from one member after the other.
func (a *agent) echoDue(now int64) {
	for at, ok := a.echoes.next(now); ok; at, ok = a.echoes.next(now) {
		m := a.nextSpeaker()
		if m == nil {
			a.measured.unsent++
			continue
		}
		a.measured.lagged(at, now)
		a.sendEcho(m, at, now)
	}
}

// nextSpeaker is the next member in turn that can say something, nil if nobody can.
func (a *agent) nextSpeaker() *member {
	for range a.members {
		m := &a.members[a.speaker]
		a.speaker = (a.speaker + 1) % len(a.members)
		if m.conn != nil && m.state >= present && !m.slow {
			return m
		}
	}
	return nil
}

// returned keeps the account of one echo and, without a timetable, sends the next.
func (a *agent) returned(m *member, message []byte) {
	stamp, ok := ledger.FindStamp(message)
	if !ok || stamp.Run != a.cfg.RunID {
		a.fault(&a.tally.Garbled)
		return
	}
	if stamp.Room != echoStream|m.conn.Number() {
		a.fault(&a.tally.Misrouted)
		return
	}
	if !a.wire.answers(message, stamp.Seq) || stamp.Seq >= m.sent {
		a.fault(&a.tally.Garbled)
		return
	}
	if !a.note(m.echoes.Note(stamp.Seq)) {
		return
	}
	now := flood.Now()
	a.arrived(stamp, now)
	a.flying--
	if now < a.echoEnd {
		a.sendEcho(m, now, now)
	}
	a.endEcho()
}

func (a *agent) endEcho() {
	if a.flying == 0 && a.phase == opEcho {
		a.done()
	}
}
