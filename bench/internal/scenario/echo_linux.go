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
			a.sendEcho(&a.members[i], now)
		}
	}
	a.endEcho()
}

func (a *agent) sendEcho(m *member, now int64) {
	if m.conn == nil {
		return
	}
	stamp := ledger.Stamp{Run: a.cfg.RunID, Room: m.conn.Number(), Seq: m.sent, SentNs: now}
	a.out = a.wire.appendEcho(a.out[:0], stamp)
	m.sent++
	a.flying++
	a.loop.Send(m.conn, a.out)
}

// returned keeps the account of one echo and sends the next.
func (a *agent) returned(m *member, message []byte) {
	stamp, ok := ledger.FindStamp(message)
	if !ok || stamp.Run != a.cfg.RunID || !a.wire.answers(message, stamp.Seq) || stamp.Seq >= m.sent {
		a.tally.Garbled++
		return
	}
	if stamp.Room != m.conn.Number() {
		a.tally.Misrouted++
		return
	}
	if !a.tally.Note(m.seq.Note(stamp.Seq)) {
		return
	}
	now := flood.Now()
	a.latency.Record(now - stamp.SentNs)
	a.progress++
	a.flying--
	if now < a.echoEnd {
		a.sendEcho(m, now)
	}
	a.endEcho()
}

func (a *agent) endEcho() {
	if a.flying == 0 && a.phase == opEcho {
		a.done()
	}
}
