package proc

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// RaiseDescriptors lifts this process's soft limit of open files to its hard limit and returns that limit.
func RaiseDescriptors() (uint64, error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, fmt.Errorf("proc: getrlimit: %w", err)
	}
	lim.Cur = lim.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, fmt.Errorf("proc: setrlimit: %w", err)
	}
	return lim.Max, nil
}

// DescriptorLimit is the soft limit of open files of another process, 0 if it cannot be read.
func DescriptorLimit(pid int) uint64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			soft, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return soft
		}
	}
	return 0
}

// KernelDrops is how many packets the machine has dropped since it started because a processor's queue of received packets was full
// (net.core.netdev_max_backlog). On loopback that is where an overloaded machine loses what TCP must then send again, so that a
// latency is the kernel's and nobody else's.
func KernelDrops() (n uint64) {
	b, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		return 0
	}
	return parseSoftnet(string(b))
}

// parseSoftnet adds up the second column, one line for each processor.
func parseSoftnet(text string) (n uint64) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 {
			dropped, _ := strconv.ParseUint(fields[1], 16, 64)
			n += dropped
		}
	}
	return n
}

// ListenOverflows is how many connections the machine has turned away since it started because the queue of those that a server
// had still to accept was full. Their clients try again after a second, or more.
func ListenOverflows() uint64 {
	b, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return 0
	}
	return parseNetstat(string(b), "ListenOverflows")
}

// parseNetstat finds a counter of TcpExt: a line of names and below it a line of values.
func parseNetstat(text, name string) uint64 {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] != "TcpExt:":
		case names == nil:
			names = fields
		default:
			if i := slices.Index(names, name); i > 0 && i < len(fields) {
				n, _ := strconv.ParseUint(fields[i], 10, 64)
				return n
			}
		}
	}
	return 0
}
