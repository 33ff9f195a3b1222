package doctor

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// errMemoryLimit: Go does not start with a GOMEMLIMIT like this.
var errMemoryLimit = errors.New("it is digits, and KiB, MiB, GiB or TiB: 6GiB")

// goMemLimit looks at GOMEMLIMIT, the memory near which Go collects garbage more often.
func (e *examination) goMemLimit() Result {
	r := Result{Check: "GOMEMLIMIT", Why: "Near it garbage is collected more often. The server sets it by itself, to what the kernel's share leaves."}
	text, ok := e.sys.Env("GOMEMLIMIT")
	if !ok || text == "" {
		r.Verdict, r.Found, r.Wanted = Pass, "unset", "unset"
		return r
	}
	r.Found = clip(text)
	r.Fix = []string{"unset GOMEMLIMIT    # and no Environment=GOMEMLIMIT= in the unit"}
	limit, err := parseMemoryLimit(text)
	if err != nil {
		r.Verdict, r.Wanted, r.Why = Fail, "unset, or a size", "Go does not start with it: "+err.Error()+"."
		return r
	}
	m := e.model
	room := int64(math.MaxInt64)
	if m.Limit > 0 {
		room = max(m.Limit-m.kernel, m.Limit/2)
	}
	r.Wanted = "unset" // where there is not enough memory nothing else would do
	if m.heap <= room {
		r.Wanted = fmt.Sprintf("%s to %s", size(m.heap), size(room))
	}
	switch {
	case limit < m.heap:
		r.Verdict, r.Why = Warn, "Less than what lives: garbage would be collected all the time, without end."
	case limit > room && m.Limit > 0:
		r.Verdict, r.Why = Warn, "The kernel's share of the connections counts too, so Go would grow beyond what there is before it saves."
	default:
		r.Verdict, r.Fix = Pass, nil
	}
	return r
}

// parseMemoryLimit reads a limit as Go's runtime does.
func parseMemoryLimit(text string) (int64, error) {
	if text == "off" {
		return math.MaxInt64, nil
	}
	digits, unit := text, int64(1)
	for i, suffix := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			digits, unit = rest, 1<<(10*(i+1))
		}
	}
	if unit == 1 {
		digits = strings.TrimSuffix(text, "B")
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return 0, errMemoryLimit
	}
	return int64(n) * unit, nil
}

// goGC looks at GOGC, by how much the heap grows before its garbage is collected.
func (e *examination) goGC() Result {
	r := Result{Check: "GOGC", Wanted: "50 to 400", Why: "By so many percent the heap grows before its garbage is collected: less costs processor time, more memory."}
	text, ok := e.sys.Env("GOGC")
	if !ok || text == "" {
		r.Verdict, r.Found = Pass, "unset, which is 100"
		return r
	}
	r.Verdict, r.Found = Pass, clip(text)
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case err == nil && 50 <= n && n <= 400:
		return r
	case text == "off" || err == nil && (n < 0 || n > 400):
		if limit, ok := e.sys.Env("GOMEMLIMIT"); ok && limit != "off" {
			return r
		}
		r.Why = "The heap grows until there is no memory: there is no GOMEMLIMIT either."
	case err != nil:
		r.Why = "Go takes it for 100: it is a number of percent, or off."
	}
	r.Verdict, r.Fix = Warn, []string{"unset GOGC"}
	return r
}

// processors looks at how many threads Go runs at once, and how many processors it is given.
func (e *examination) processors() Result {
	r := Result{Check: "GOMAXPROCS", Found: strconv.Itoa(e.sys.Procs), Why: "There is a loop for each. With more than it is given the process stands still for the rest of each 100 ms."}
	given := float64(e.sys.CPUs)
	quota := e.quota()
	if quota > 0 && quota < given {
		given = quota
	}
	// Go never takes fewer than two of a quota, and rounds it up.
	most := int64(math.Ceil(given))
	if quota > 0 {
		most = max(most, min(2, int64(e.sys.CPUs)))
	}
	r.Verdict, r.Wanted = Pass, atMost(most)
	if int64(e.sys.Procs) > most {
		r.Verdict, r.Fix = Warn, []string{"unset GOMAXPROCS    # Go then goes by what it is given"}
	}
	return r
}

// quota is how many processors the control groups give, 0 if they do not say.
func (e *examination) quota() (least float64) {
	if !e.linux() {
		return 0
	}
	e.eachGroup("cpu", func(dir string, second bool) {
		quota, period, err := int64(0), int64(0), error(nil)
		if second {
			if quota, err = e.files.number(dir+"/cpu.max", 0); err == nil {
				period, err = e.files.number(dir+"/cpu.max", 1)
			}
		} else if quota, err = e.files.number(dir+"/cpu.cfs_quota_us", 0); err == nil {
			period, err = e.files.number(dir+"/cpu.cfs_period_us", 0)
		}
		if err != nil || quota <= 0 || period <= 0 { // "max", or -1
			return
		}
		if cpus := float64(quota) / float64(period); least == 0 || cpus < least {
			least = cpus
		}
	})
	return least
}

// tasks looks at how many threads there may be.
func (e *examination) tasks() Result {
	r := Result{Check: "threads (pids.max)", Wanted: atLeast(tasksMin), Why: "Go ends the process when it needs a thread and gets none."}
	limit := e.groupLimit(tasksLimitFiles)
	r.Verdict, r.Found = Pass, number(limit)
	if limit == 0 {
		r.Found = "unlimited"
	} else if limit < tasksMin {
		r.Verdict, r.Fix = Warn, []string{"TasksMax=infinity    # systemd; docker run --pids-limit -1"}
	}
	return r
}

// killOrder looks at whom the kernel kills first when there is no memory.
func (e *examination) killOrder() Result {
	r := Result{Check: "oom_score_adj", Wanted: "<= 0", Why: "When memory runs out the kernel kills those with the highest number first."}
	text, err := e.files.text("proc/self/oom_score_adj")
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return unknown(r.Check, r.Why, garbled(text))
	}
	r.Verdict, r.Found = Pass, strconv.Itoa(n)
	if n > 0 {
		r.Verdict, r.Fix = Warn, []string{"OOMScoreAdjust=-500    # systemd; docker run --oom-score-adj -500"}
	}
	return r
}

// capNetBindService is the number of the capability to listen on low ports (linux/capability.h).
const capNetBindService = 10

// privilege looks whether the process may listen on its port.
func (e *examination) privilege() Result {
	r := Result{Check: "port of --addr", Why: "A low port is only for those who have the capability for it."}
	port := portOf(e.set.Addr)
	if port == 0 {
		return Result{Check: r.Check, Verdict: Skip, Found: "no address is given", Why: r.Why}
	}
	first, err := e.files.sysctl("net.ipv4.ip_unprivileged_port_start", 0)
	if err != nil {
		first = 1024
	}
	r.Verdict, r.Found, r.Wanted = Pass, number64(port), ">= "+number64(first)
	if port < first && !e.capable(capNetBindService) {
		r.Verdict, r.Fix = Fail, []string{
			"AmbientCapabilities=CAP_NET_BIND_SERVICE          # systemd: [Service]",
			e.root("setcap cap_net_bind_service=+ep starling") + "    # or for the binary",
		}
	}
	return r
}

// capable reports whether the process has a capability.
func (e *examination) capable(bit uint) bool {
	text, err := e.files.text("proc/self/status")
	if err != nil {
		return e.sys.Root
	}
	for line := range strings.Lines(text) {
		if mask, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return err == nil && n>>bit&1 == 1
		}
	}
	return e.sys.Root
}
