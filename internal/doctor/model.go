package doctor

import (
	"fmt"
	"strings"
)

// Model is what so many connections take of the memory.
type Model struct {
	Parts   []Part  `json:"parts"`
	Total   int64   `json:"total_bytes"`
	Limit   int64   `json:"limit_bytes"` // 0 if it is not known
	LimitOf string  `json:"limit_of,omitempty"`
	Verdict Verdict `json:"verdict"`

	certain int64 // what connections take that say nothing
	kernel  int64 // what of the total is not Go's
	heap    int64 // what of the total is alive in Go's heap
}

// Part is a share of it: so many of so many bytes each, or Bytes alone.
type Part struct {
	Name  string `json:"name"`
	Count int64  `json:"count,omitempty"`
	Each  int64  `json:"each_bytes,omitempty"`
	Bytes int64  `json:"bytes"`
}

func (p Part) String() string {
	if p.Count > 0 {
		return fmt.Sprintf("%s %s x %s = %s", p.Name, number(p.Count), size(p.Each), size(p.Bytes))
	}
	return p.Name + " " + size(p.Bytes)
}

// String is the model in one line.
func (m *Model) String() string {
	var texts []string
	for _, p := range m.Parts {
		texts = append(texts, p.String())
	}
	line := strings.Join(texts, " | ") + " | " + m.total()
	if m.Limit == 0 {
		return line
	}
	return line + ": " + string(m.Verdict)
}

// total is the sum, and what there is.
func (m *Model) total() string {
	if m.Limit == 0 {
		return "total " + size(m.Total)
	}
	return fmt.Sprintf("total %s of %s (%s)", size(m.Total), size(m.Limit), m.LimitOf)
}

// memory reckons. Connections that say nothing take what is certain; one client in slowShare that does not keep up takes the
// buffers of the kernel, and what may wait for it in the server; and Go's heap may double before its garbage is collected.
func (e *examination) memory() {
	each, name := int64(userBytesEach), "user"
	if e.set.RecoveryMax > 0 {
		each += recoveryBytesEach
	}
	slow := (e.n + slowShare - 1) / slowShare
	user := Part{name, e.n, each, times(e.n, each)}
	kernel := Part{"kernel", e.n, kernelBytesEach, times(e.n, kernelBytesEach)}
	wmem, err := e.files.sysctl("net.ipv4.tcp_wmem", 2)
	if err != nil || wmem == 0 {
		wmem = wmemBytesDefault
	}
	buffers := Part{"TCP buffers, 1 % slow", slow, wmem, times(slow, wmem)}
	waiting := Part{"waiting, 1 % slow", 0, 0, min(times(slow, e.set.OutboundPerConnMax), e.set.OutboundMax)}
	m := &Model{Parts: []Part{{"process", 0, 0, processBytes}, user, kernel, buffers, waiting}}
	m.heap = plus(user.Bytes, waiting.Bytes)
	if e.set.RecoveryMax > 0 {
		m.Parts = append(m.Parts, Part{"kept for recovery", 0, 0, e.set.RecoveryMax})
		m.heap = plus(m.heap, e.set.RecoveryMax)
	}
	m.Parts = append(m.Parts, Part{"GC headroom", 0, 0, m.heap})
	for _, p := range m.Parts {
		m.Total = plus(m.Total, p.Bytes)
	}
	m.certain, m.kernel = plus(plus(processBytes, user.Bytes), kernel.Bytes), plus(kernel.Bytes, buffers.Bytes)
	m.LimitOf, m.Limit = e.memoryLimit()
	m.Verdict = m.judge()
	e.model = m
}

func (m *Model) judge() Verdict {
	switch {
	case m.Limit == 0:
		return Skip
	case m.certain > m.Limit:
		return Fail
	case m.Total > m.mayUse():
		return Warn
	}
	return Pass
}

// mayUse is how much of what there is may be in use.
func (m *Model) mayUse() int64 {
	return m.Limit/100*memoryPercentMax + m.Limit%100*memoryPercentMax/100
}

// memoryFits is the verdict on the model as a check.
func (e *examination) memoryFits() Result {
	m := e.model
	r := Result{
		Check: "memory", Verdict: m.Verdict, Found: m.total(),
		Why: fmt.Sprintf("Above %d %% new clients are refused, and later the slowest are cut off. Connections that say nothing take %s of the total.",
			memoryPercentMax, size(m.certain)),
	}
	switch m.Verdict {
	case Skip:
		r.Found = "how much there is cannot be seen here"
		return r
	case Fail:
		r.Wanted = "at least " + size(plus(m.certain, m.certain/5))
	default:
		r.Wanted = "at most " + size(m.mayUse())
	}
	if m.Verdict != Pass {
		r.Fix = []string{fmt.Sprintf("MemoryMax=%dM    # systemd, if the machine has it; docker run --memory %[1]dm; Kubernetes: limits: {memory: %[1]dMi}",
			times(m.Total/memoryPercentMax, 100)>>20+1)}
		r.Fix = append(r.Fix, "# or less for slow clients: tcp_wmem above, --outbound-max")
	}
	return r
}

// memoryLimit is what there is, and whose limit that is: the least of the machine's memory, that of the control groups and what
// the settings say. 0 is not known.
func (e *examination) memoryLimit() (of string, limit int64) {
	for _, l := range []struct {
		of    string
		bytes int64
	}{
		{"the machine's", e.machineMemory()},
		{"the control group's", e.groupLimit(memoryLimitFiles)},
		{"--memory-max", e.set.MemoryMax},
	} {
		if l.bytes > 0 && (limit == 0 || l.bytes < limit) {
			of, limit = l.of, l.bytes
		}
	}
	return of, limit
}

func (e *examination) machineMemory() int64 {
	kilobytes, err := e.files.row("proc/meminfo", "MemTotal:")
	if err != nil {
		return 0
	}
	return times(kilobytes, 1<<10)
}
