package gateway

import (
	"sync/atomic"
	"time"
)

// rate is a bound on how often something may happen: count in a second, and burst at once after a quiet time. A count of 0 is no
// bound.
type rate struct {
	each  int64 // nanoseconds that one takes; 0: no bound
	burst int64 // nanoseconds that the whole burst takes
}

func newRate(count, burst int) rate {
	if count <= 0 {
		return rate{}
	}
	each := int64(time.Second) / int64(count)
	return rate{each: max(each, 1), burst: max(each, 1) * int64(max(burst, 1))}
}

// meter holds somebody to a rate. It is one number, because there is one for each connection: the time at which all that has
// happened would be paid off at the rate (the generic cell rate algorithm). The zero value is a quiet time.
type meter struct{ paid atomic.Int64 }

// charge counts n more that happen in any case.
func (m *meter) charge(r rate, n int, now int64) {
	for r.each > 0 {
		paid := m.paid.Load()
		if m.paid.CompareAndSwap(paid, max(paid, now)+r.each*int64(n)) {
			return
		}
	}
}

// allow reports whether n more may happen now, and counts them if so. now is in nanoseconds, of a clock that only goes forward and
// began before the meter. More than a whole burst passes when nothing else has happened, or it never would.
func (m *meter) allow(r rate, n int, now int64) bool {
	if r.each == 0 {
		return true
	}
	cost := r.each * int64(n)
	for {
		paid := m.paid.Load()
		next := max(paid, now) + cost
		if next-now > r.burst && paid > now {
			return false
		}
		if m.paid.CompareAndSwap(paid, next) {
			return true
		}
	}
}
