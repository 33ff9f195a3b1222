package scenario

import (
	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// measured is what was measured since opBegin.
type measured struct {
	fromNs      int64           // what was to be sent before is not measured
	latency     *ledger.Latency // from when it was to be sent
	real        *ledger.Latency // from when it was sent; only with a timetable
	lag         *ledger.Latency // of what this agent sends
	held        *ledger.Latency // how late it read what had arrived
	read        int64           // deliveries of this turn
	heardNs     int64           // when the last message arrived
	late        uint64
	unsent      uint64 // what was due when nobody was there to do it
	churned     uint64
	reconnected uint64 // of those
	cut         int    // members that had stopped reading, and were disconnected
	dropped     int    // connections that were lost and come back
}

func newMeasured() measured {
	return measured{latency: ledger.NewLatency(), real: ledger.NewLatency(), lag: ledger.NewLatency(), held: ledger.NewLatency()}
}

func (m *measured) reset(fromNs int64) {
	*m = measured{fromNs: fromNs, latency: m.latency, real: m.real, lag: m.lag, held: m.held}
	m.latency.Reset()
	m.real.Reset()
	m.lag.Reset()
	m.held.Reset()
}

// lagged records how late something was sent that was due at a time.
func (m *measured) lagged(dueNs, now int64) {
	if dueNs >= m.fromNs {
		m.lag.Record(now - dueNs)
	}
}

// note counts one verdict and says whether the message was new.
func (a *agent) note(v ledger.Verdict) bool {
	if v != ledger.Fresh {
		a.diary.Faults++
	}
	return a.tally.Note(v)
}

// fault counts what should not have come.
func (a *agent) fault(counter *uint64) {
	*counter++
	a.diary.Faults++
}

// arrived records how long a message took.
func (a *agent) arrived(stamp ledger.Stamp, now int64) {
	a.progress++
	if now >= a.diary.nextNs {
		a.turnPage(now)
	}
	a.diary.Delivered++
	a.measured.heardNs = now
	took := now - stamp.SentNs
	a.diary.latency.Record(took)
	if stamp.SentNs < a.measured.fromNs {
		return
	}
	a.measured.latency.Record(took)
	a.measured.read++
	if a.cfg.open() {
		a.measured.real.Record(took - int64(stamp.LagUs)*1000)
		if took > int64(a.cfg.LateAfter) {
			a.measured.late++
		}
	}
}

// noteReading records how much later than it should have the agent has read what arrived in this turn: a loop that was held up finds
// late what came in time. It may find it one turn later: the wait of a process that is continued after a stop ends with nothing. Short
// of the longest that a loop may sleep nobody can tell.
func (a *agent) noteReading(now int64) {
	late, read := max(now-a.turnedNs-int64(flood.Tick), 0), a.measured.read
	if read > 0 {
		a.measured.held.RecordN(max(late, a.lateNs), read)
	}
	a.turnedNs, a.lateNs, a.measured.read = now, late, 0
}
