package guard

import (
	"math"
	"os"
	"runtime/debug"
)

// SetGoLimit gives Go's memory a soft limit, unless the variable GOMEMLIMIT or debug.SetMemoryLimit has given it one
// already: near it garbage is collected more often, rather than when the heap has doubled. total is the memory that there is,
// in bytes, and connections how many there may be. The limit is 9/10 of what total leaves when each connection takes 4 KiB of
// the kernel, and at least half of total: as many connections as files may be open need not ever come, and a limit below
// what lives would have the collector run all the time.
//
// It returns the limit that is in force, and whether it was set here. With a total of 0 it sets nothing.
func SetGoLimit(total int64, connections int) (limit int64, set bool) {
	limit = debug.SetMemoryLimit(-1) // which only asks
	if total <= 0 || os.Getenv("GOMEMLIMIT") != "" || limit != math.MaxInt64 {
		return limit, false
	}
	limit = goLimit(total, connections)
	debug.SetMemoryLimit(limit)
	return limit, true
}

// goLimit is the limit that SetGoLimit sets.
func goLimit(total int64, connections int) int64 {
	left := total - int64(connections)*kernelBytesPerConn
	return max(left/10*goShareTenths, total/2)
}
