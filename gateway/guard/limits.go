package guard

import "time"

// Defaults of Config, each with its reason in docs/METRICS.md.
const (
	// HighDefault is the part of the memory above which no session begins.
	HighDefault = 0.85
	// CriticalDefault is the part above which those for whom most waits are disconnected.
	CriticalDefault = 0.93
	// LowDefault is the part below which all is well again. The gap to HighDefault keeps the states from flapping.
	LowDefault = 0.80
	// IntervalDefault is the time from one look to the next.
	IntervalDefault = time.Second
)

const (
	// freeTimeMin is the least time from one Free to the next: each is a whole collection.
	freeTimeMin = 30 * time.Second
	// shedFreeTimeMin is the same while what was shed is still to be collected, and is needed: memory that nobody collects
	// would not save anybody.
	shedFreeTimeMin = 5 * time.Second
	// failuresMax is how many looks in a row may fail before sessions are let in again: nobody is to be refused for
	// ever because a file has gone.
	failuresMax = 10

	// kernelBytesPerConn is what an idle TCP connection takes of the kernel's memory: socket, file and epoll entry.
	kernelBytesPerConn = 4 << 10
	// goShareTenths is the part of the memory that Go may have, in tenths; the rest is for stacks of threads, the binary
	// and what the kernel keeps beyond idle connections.
	goShareTenths = 9
	// noLimitBytes is from where on a limit is none: version 1 of cgroups says "unlimited" with a number near 2^63.
	noLimitBytes = 1 << 60
)
