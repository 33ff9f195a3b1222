package scenario

import "math"

// timetable says when something is due: again and again at a fixed rate, whatever has become of it before. Who is late does it late,
// and knows by how much. The zero value is an empty one.
type timetable struct {
	startNs int64
	endNs   int64   // nothing is due from then on
	every   float64 // ns; 0 if there is no timetable
	done    uint64
}

// begin sets up the table; at a rate of 0 nothing is ever due.
func (t *timetable) begin(startNs, endNs int64, rate float64) {
	*t = timetable{startNs: startNs, endNs: endNs}
	if rate > 0 {
		t.every = 1e9 / rate
	}
}

// due is when the next is due, the largest number if none is.
func (t *timetable) due() int64 {
	if t.every == 0 {
		return math.MaxInt64
	}
	if at := t.startNs + int64(math.Round(float64(t.done)*t.every)); at < t.endNs {
		return at
	}
	return math.MaxInt64
}

// next takes the next that is due at a time, or before it, off the table.
func (t *timetable) next(now int64) (at int64, ok bool) {
	if at = t.due(); at > now {
		return 0, false
	}
	t.done++
	return at, true
}
