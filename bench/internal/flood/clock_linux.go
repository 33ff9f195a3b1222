package flood

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// started and startedNs are the same instant, on Go's clock and on the machine's.
var started, startedNs = sameInstant()

// clockTrials is how often the two clocks are read: a process that loses its processor between the readings is off by that for good, so
// the tightest counts.
const clockTrials = 16

func sameInstant() (at time.Time, ns int64) {
	width := int64(math.MaxInt64)
	for range clockTrials {
		before := monotonicNs()
		now := time.Now()
		if after := monotonicNs(); after-before < width {
			at, ns, width = now, before+(after-before)/2, after-before
		}
	}
	return at, ns
}

// Now is the machine's monotonic clock in nanoseconds, so that the processes of one bench can subtract each other's times. It goes
// through Go's own clock, which asks the kernel without a system call.
func Now() int64 { return startedNs + int64(time.Since(started)) }

func monotonicNs() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0 // it cannot fail; within one process any origin would serve
	}
	return ts.Nano()
}
