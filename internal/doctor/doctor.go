// Package doctor says what a machine lacks to hold so many connections, before production does: limits, the kernel's
// settings, memory, the settings of the server, and the proxy in front. Each check is a function of what a System tells; nothing
// is changed.
package doctor

import (
	"context"
	"time"
)

// Verdict is what a check comes to.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Warn Verdict = "warn" // it works, and not well, or not at the worst of times
	Fail Verdict = "fail" // it cannot work
	Skip Verdict = "skip" // it cannot be told, or does not matter here
)

// Result is what one check has found.
type Result struct {
	Check   string   `json:"check"`
	Verdict Verdict  `json:"verdict"`
	Found   string   `json:"found"`
	Wanted  string   `json:"wanted,omitempty"`
	Why     string   `json:"why"`           // what happens otherwise
	Fix     []string `json:"fix,omitempty"` // lines to paste; none if it passed or was skipped
}

// Settings are what the machine is held against. The zero value of each field stands for its default.
type Settings struct {
	// Connections is how many there are to be; default ConnectionsDefault.
	Connections int

	// Addr is where clients come in, host:port; "" is not checked.
	Addr string
	// APIAddr is where the control API listens, host:port; "" is nowhere.
	APIAddr string
	// APIKeys says that the control API has keys.
	APIKeys bool
	// Dev says that the server is only for trying things out.
	Dev bool
	// Origins are the foreign origins whose pages may connect, and Cookies says that they may send cookies, or that clients
	// are given one.
	Origins []string
	Cookies bool

	// MemoryMax is what the server may use, in bytes; 0 is what there is.
	MemoryMax int64
	// OutboundPerConnMax and OutboundMax are how many bytes may wait for one client that does not read, and for all of them.
	OutboundPerConnMax, OutboundMax int64
	// RecoveryMax is how many bytes are kept for clients that come back; 0 if none do.
	RecoveryMax int64

	// URL is the public address, "https://app.example.com", through which a proxy is tried; "" tries none. Path is where
	// Socket.IO is; default "/socket.io/". Token lets the trial be in a namespace.
	URL, Path, Token string
	// Slow has the trial leave a connection alone for Hold, by default the time of a heartbeat and five seconds.
	Slow bool
	Hold time.Duration
	// Watch is for how long counters are watched; 0 takes one look at them.
	Watch time.Duration
}

// complete fills in the defaults.
func (s Settings) complete() Settings {
	if s.Connections <= 0 {
		s.Connections = ConnectionsDefault
	}
	if s.OutboundPerConnMax <= 0 {
		s.OutboundPerConnMax = outboundBytesPerConnMax
	}
	if s.OutboundMax <= 0 {
		s.OutboundMax = outboundBytesMax
	}
	if s.Path == "" {
		s.Path = pathDefault
	}
	return s
}

// Report is what all checks have found.
type Report struct {
	Connections int      `json:"connections"`
	System      string   `json:"system"` // "linux 6.18.44, 2 CPUs"
	Results     []Result `json:"results"`
	Memory      *Model   `json:"memory,omitempty"` // nil where it cannot be reckoned

	kernelFixes bool // some of the fixes are settings of the kernel
}

// Verdict is the worst of all, in the order fail, warn, pass.
func (r Report) Verdict() Verdict {
	worst := Pass
	for _, result := range r.Results {
		switch result.Verdict {
		case Fail:
			return Fail
		case Warn:
			worst = Warn
		}
	}
	return worst
}

// ExitCode is 1 if anything failed, and 0 otherwise: a warning is no reason to stop anybody.
func (r Report) ExitCode() int {
	if r.Verdict() == Fail {
		return 1
	}
	return 0
}

// count is how many results have that verdict.
func (r Report) count(v Verdict) (n int) {
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// Run makes all checks. It takes no longer than Watch and Hold need, with a URL some seconds more, and ends early with what it
// has when ctx is done.
func Run(ctx context.Context, s Settings, sys System) Report {
	e := &examination{ctx: ctx, set: s.complete(), sys: sys, files: reader{sys.Files}}
	e.n = int64(e.set.Connections)
	r := Report{Connections: e.set.Connections, System: sys.String()}
	if !e.linux() {
		r.Results = append(r.Results, e.otherSystem())
	}
	var before, after counts
	if e.linux() {
		before = e.counters()
	}
	trial := e.proxy()
	if e.linux() {
		after = e.watch(before)
		e.memory()
		r.Memory = e.model
	}
	for _, c := range checks {
		if e.linux() || c.anywhere {
			r.add(c.run(e))
		}
	}
	if e.linux() {
		r.add(e.drops(before, after)...)
	}
	r.add(trial...)
	r.kernelFixes = e.kernelFixes
	return r
}

func (r *Report) add(results ...Result) { r.Results = append(r.Results, results...) }

// check is one of the checks, in the order of the report. Those that read /proc or /sys make sense on Linux only.
type check struct {
	run      func(*examination) Result
	anywhere bool
}

var checks = join(
	[]check{{(*examination).openFiles, true}, {run: (*examination).nrOpen}, {run: (*examination).fileMax}},
	settingsOfKernel(),
	[]check{
		{run: (*examination).tcpMem},
		{run: (*examination).tcpWmem},
		{run: (*examination).sourcePorts},
		{run: (*examination).reservedPorts},
		{run: (*examination).conntrackMax},
		{run: (*examination).conntrackBuckets},
		{run: (*examination).conntrackTime},
		{run: (*examination).queues},
		{run: (*examination).interrupts},
		{(*examination).processors, true},
		{run: (*examination).clock},
		{run: (*examination).tasks},
		{run: (*examination).memoryFits},
		{run: (*examination).goMemLimit},
		{(*examination).goGC, true},
		{run: (*examination).hugePages},
		{run: (*examination).swap},
		{run: (*examination).killOrder},
		{run: (*examination).privilege},
		{(*examination).controlAPI, true},
		{(*examination).origins, true},
	},
)

func join(lists ...[]check) (all []check) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// examination is one run of the checks.
type examination struct {
	ctx   context.Context
	set   Settings
	sys   System
	files reader
	n     int64 // connections

	model       *Model // once memory has run
	kernelFixes bool
}

func (e *examination) linux() bool { return e.sys.OS == "linux" }

func (e *examination) otherSystem() Result {
	return Result{
		Check: "system", Verdict: Warn, Found: e.sys.OS, Wanted: "linux",
		Why: "What only Linux tells, in /proc and /sys, was not checked: most of it.",
		Fix: []string{"# run it on the machine that is to serve"},
	}
}

// root makes a command one that root runs.
func (e *examination) root(command string) string {
	if e.sys.Root {
		return command
	}
	return "sudo " + command
}
