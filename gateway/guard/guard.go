// Package guard keeps a server from being killed for want of memory. It looks at what the process, or its cgroup, uses,
// and acts before the kernel does: first it refuses new sessions, then it disconnects those for whom most waits.
//
// It knows nothing of servers: what it does is handed to it as functions.
package guard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Config describes a guard. The zero value of each field stands for its default.
type Config struct {
	// Max is how many bytes there are. 0 is the limit of the process's cgroup; without one the guard is off. A limit of
	// the cgroup that is below Max counts instead of it.
	Max int64
	// High, Critical and Low are parts of Max: above High new sessions are refused, above Critical the slowest clients are
	// disconnected too, and below Low neither is done any more.
	High, Critical, Low float64
	// Interval is the time from one look to the next.
	Interval time.Duration

	// Read tells how many bytes are used. Its default is what the cgroup uses, less file pages that the kernel can take
	// back at once, if the limit is the cgroup's; else what the process has resident, which leaves out what the kernel
	// holds for its sockets.
	Read func() (used int64, err error)
	// Refuse has new sessions refused (true), or let in again (false). It is called when that changes.
	Refuse func(refuse bool)
	// Shed disconnects those for whom most waits, until so many bytes are free or nobody is left for whom anything waits,
	// and returns how many were freed.
	Shed func(bytes int) (freed int)
	// Free collects garbage and returns memory to the system; default debug.FreeOSMemory. It is called above High, at
	// most each 30 s, or 5 s while it is to collect what Shed has freed.
	Free func()

	// Clock gives the time of each look; default a ticker of Interval.
	Clock <-chan time.Time
	// Logger takes a line for each change of the state; default slog.Default().
	Logger *slog.Logger
}

// State is what a guard does.
type State uint8

// The states.
const (
	Off      State = iota // there is no limit to keep
	OK                    // there is memory
	Refusing              // new sessions are refused
	Shedding              // and the slowest clients are disconnected
)

// String is the state as a word for logs, metrics and answers.
func (s State) String() string {
	return [...]string{"off", "ok", "refusing", "shedding"}[s]
}

// Reading is what a guard saw last, and what it made of it.
type Reading struct {
	State     State
	UsedBytes int64 // 0 before the first look
	MaxBytes  int64 // 0 if the guard is off
}

// Errors of New.
var (
	// ErrMax is a Max that is negative.
	ErrMax = errors.New("guard: Max is negative")
	// ErrThresholds are thresholds in another order than 0 < Low < High < Critical <= 1.
	ErrThresholds = errors.New("guard: the thresholds are not 0 < Low < High < Critical <= 1")
)

// Guard watches memory while Run runs. Its other methods may be called from any goroutine at any time.
type Guard struct {
	cfg     Config
	max     int64
	reading atomic.Pointer[Reading]

	// Only for the goroutine of Run.
	state    State
	last     int64     // what was used at the last look
	owed     int64     // what Shed has freed and no look has seen yet
	freed    time.Time // of the last Free
	failures int       // looks in a row that failed
}

// New makes a guard. It finds out the limit at once and looks at nothing before Run. A cgroup that cannot be read is
// logged and counts as none.
func New(cfg Config) (*Guard, error) { return build(cfg, os.DirFS("/")) }

// build is New over a file system.
func build(cfg Config, root fs.FS) (*Guard, error) {
	cfg.ensureDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	group, err := findCgroup(root)
	if err != nil {
		cfg.Logger.Warn("the memory limit of the cgroup cannot be read, and counts as none", "error", err)
	}
	g := &Guard{cfg: cfg, max: cfg.Max}
	read := func() (int64, error) { return processBytes(root) }
	if group != nil && (g.max == 0 || group.limit <= g.max) {
		g.max, read = group.limit, group.used
	}
	if g.cfg.Read == nil {
		g.cfg.Read = read
	}
	if g.max > 0 {
		g.state = OK
	}
	g.note(0)
	return g, nil
}

func (c *Config) ensureDefaults() {
	if c.High == 0 && c.Critical == 0 && c.Low == 0 {
		c.High, c.Critical, c.Low = HighDefault, CriticalDefault, LowDefault
	}
	if c.Interval == 0 {
		c.Interval = IntervalDefault
	}
	if c.Refuse == nil {
		c.Refuse = func(bool) {}
	}
	if c.Shed == nil {
		c.Shed = func(int) int { return 0 }
	}
	if c.Free == nil {
		c.Free = debug.FreeOSMemory
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

func (c *Config) validate() error {
	if c.Max < 0 {
		return fmt.Errorf("%w: %d", ErrMax, c.Max)
	}
	if ordered := 0 < c.Low && c.Low < c.High && c.High < c.Critical && c.Critical <= 1; !ordered { // nor is a NaN
		return fmt.Errorf("%w: Low %v, High %v, Critical %v", ErrThresholds, c.Low, c.High, c.Critical)
	}
	return nil
}

// Reading is what was seen last.
func (g *Guard) Reading() Reading { return *g.reading.Load() }

// State is what the guard does at the moment.
func (g *Guard) State() State { return g.Reading().State }

// Run looks at the memory, at once and then at each Interval, until ctx is done. It returns at once if the guard is off.
// It may be called once.
func (g *Guard) Run(ctx context.Context) {
	if g.State() == Off {
		return
	}
	clock := g.cfg.Clock
	if clock == nil {
		ticker := time.NewTicker(g.cfg.Interval)
		defer ticker.Stop()
		clock = ticker.C
		g.look(time.Now())
	}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-clock:
			g.look(now)
		}
	}
}

// look looks once, and does what follows.
func (g *Guard) look(now time.Time) {
	used, ok := g.read()
	if !ok {
		return
	}
	// Garbage is no reason to refuse anybody.
	if g.collects(used, now) {
		g.cfg.Free()
		g.freed, g.owed = now, 0
		if used, ok = g.read(); !ok {
			return
		}
	}
	g.owed = max(0, g.owed-max(0, g.last-used))
	g.last = used
	g.become(g.next(used), used)
	if g.state == Shedding {
		g.shed(used)
	}
	g.note(used)
}

// collects tells whether it is time for a collection.
func (g *Guard) collects(used int64, now time.Time) bool {
	since := now.Sub(g.freed)
	needed := g.owed > 0 && used > g.part(g.cfg.Critical)
	return used > g.part(g.cfg.High) && (g.freed.IsZero() || since >= freeTimeMin || needed && since >= shedFreeTimeMin)
}

// read returns what is used, and false if that cannot be told.
func (g *Guard) read() (used int64, ok bool) {
	used, err := g.cfg.Read()
	if err == nil {
		if g.failures > 0 {
			g.cfg.Logger.Info("the memory can be watched again", "failures", g.failures)
			g.failures = 0
		}
		return used, true
	}
	g.failures++
	switch g.failures {
	case 1:
		g.cfg.Logger.Warn("the memory cannot be watched", "error", err)
	case failuresMax:
		g.become(OK, 0)
		g.note(0)
	}
	return 0, false
}

// next is the state that follows from what is used.
func (g *Guard) next(used int64) State {
	switch {
	case used > g.part(g.cfg.Critical):
		return Shedding
	case used > g.part(g.cfg.High):
		return max(g.state, Refusing) // shedding goes on until High, lest it come and go
	case used >= g.part(g.cfg.Low) && g.state != OK:
		return Refusing
	}
	return OK
}

// become changes the state.
func (g *Guard) become(s State, used int64) {
	if s == g.state {
		return
	}
	before := g.state
	g.state = s
	level, text := slog.LevelWarn, "memory is short: new sessions are refused"
	switch {
	case s == Shedding:
		text = "memory is very short: new sessions are refused, and the slowest clients are disconnected"
	case s == OK && g.failures > 0:
		text = "memory cannot be watched: new sessions are let in all the same"
	case s == OK:
		level, text = slog.LevelInfo, "memory suffices again: new sessions are let in"
	}
	g.cfg.Logger.Log(context.Background(), level, text, "state", s.String(), "before", before.String(), "used", used, "max", g.max)
	if (before == OK) != (s == OK) {
		g.cfg.Refuse(s != OK)
	}
}

// shed frees what is above Critical. Memory that was freed shows in no reading before it was collected and given back, so
// what was shed already is counted until it shows: else each look would disconnect other clients for the same bytes.
func (g *Guard) shed(used int64) {
	excess := used - g.part(g.cfg.Critical) - g.owed
	if excess <= 0 {
		return
	}
	freed := g.cfg.Shed(int(excess))
	g.owed += int64(freed)
	if freed > 0 {
		g.cfg.Logger.Warn("the slowest clients were disconnected for want of memory", "wanted", excess, "freed", freed, "used", used, "max", g.max)
	}
}

func (g *Guard) part(share float64) int64 { return int64(share * float64(g.max)) }

// note publishes the reading.
func (g *Guard) note(used int64) {
	g.reading.Store(&Reading{State: g.state, UsedBytes: used, MaxBytes: g.max})
}
