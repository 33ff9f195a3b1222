package flood

import (
	"time"

	"golang.org/x/sys/unix"
)

// started and startedNs are the same instant, on Go's clock and on the machine's.
var started, startedNs = time.Now(), monotonicNs()

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
