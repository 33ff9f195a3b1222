package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// counter is something that the kernel counts when it has lost something.
type counter struct {
	name string
	read func(reader) (int64, error)
	why  string
	fix  []string
}

var counters = []counter{
	{
		name: "connections refused, queue full", read: ofTCP("ListenOverflows"),
		why: "Connections found the queue of those that wait to be accepted full. Their clients come again a second later.",
		fix: []string{"# net.core.somaxconn above; more loops; --connect-rate, which refuses in time"},
	},
	{
		name: "connections lost on arrival", read: ofTCP("ListenDrops"),
		why: "Handshakes were dropped: for a full queue, or for want of memory.",
		fix: []string{"# net.core.somaxconn and net.ipv4.tcp_mem above"},
	},
	{
		name: "connections reset, no memory", read: ofTCP("TCPAbortOnMemory"),
		why: "Connections were reset because TCP had no memory, or too many closed ones still had something to send.",
		fix: []string{"# net.ipv4.tcp_mem and net.ipv4.tcp_max_orphans above"},
	},
	{
		name: "packets lost on arrival", read: softnetDrops,
		why: "Packets came faster than a processor took them. They are sent again, late.",
		fix: []string{"# net.core.netdev_max_backlog above, and the queues of the network card"},
	},
}

// count is a counter at a time; a counter that cannot be read has an error.
type count struct {
	n   int64
	err error
}

// counts are all of them.
type counts []count

func (e *examination) counters() counts {
	all := make(counts, 0, len(counters))
	for _, c := range counters {
		n, err := c.read(e.files)
		all = append(all, count{n, err})
	}
	return all
}

// watch reads them again, after Watch if there is one.
func (e *examination) watch(before counts) counts {
	if e.set.Watch > 0 && e.sys.Wait(e.ctx, e.set.Watch) != nil {
		return before
	}
	return e.counters()
}

// drops compares two looks at the counters. What has grown in between is happening; what has not may be of another day.
func (e *examination) drops(before, after counts) (results []Result) {
	for i, c := range counters {
		if err := after[i].err; err != nil {
			results = append(results, unknown(c.name, c.why, err))
			continue
		}
		total, grown := after[i].n, int64(0)
		if before[i].err == nil {
			grown = max(total-before[i].n, 0)
		}
		r := Result{Check: c.name, Verdict: Pass, Found: since(total, grown, e.set.Watch), Wanted: "none now", Why: c.why}
		if grown > 0 {
			r.Verdict, r.Fix = Warn, c.fix
		}
		results = append(results, r)
	}
	return results
}

func since(total, grown int64, watched time.Duration) string {
	if watched > 0 || grown > 0 {
		return fmt.Sprintf("%s since boot, %s just now", number(total), number(grown))
	}
	return number(total) + " since boot"
}

// ofTCP reads one of TCP's counters, of which /proc/net/netstat has the names in one line and the numbers in the next.
func ofTCP(name string) func(reader) (int64, error) {
	return func(r reader) (int64, error) {
		text, err := r.text("proc/net/netstat")
		if err != nil {
			return 0, err
		}
		return tcpExt(text, name)
	}
}

func tcpExt(text, name string) (int64, error) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, n := range names {
			if n == name && i < len(fields) {
				v, err := parseCount(fields[i])
				if err != nil {
					return 0, garbled(fields[i])
				}
				return v, nil
			}
		}
		break
	}
	return 0, fmt.Errorf("%w: %s in /proc/net/netstat", errAbsent, name)
}

// softnetDrops adds up the second column of /proc/net/softnet_stat, of which there is a line for each processor.
func softnetDrops(r reader) (total int64, err error) {
	text, err := r.text("proc/net/softnet_stat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return 0, garbled(line)
		}
		n, err := strconv.ParseUint(fields[1], 16, 32) // the kernel's counter has 32 bits
		if err != nil {
			return 0, garbled(line)
		}
		total += int64(n)
	}
	return total, nil
}

// pairOf is the number behind a word in the line that begins with a label, 0 if there is none: TCP: inuse 1 mem 153.
func pairOf(text, label, word string) int64 {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != label {
			continue
		}
		for i := 1; i+1 < len(fields); i++ {
			if fields[i] == word {
				n, err := parseCount(fields[i+1])
				if err != nil {
					return 0
				}
				return n
			}
		}
	}
	return 0
}
