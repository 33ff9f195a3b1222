package eventloop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// Errors of an engine.
var (
	// ErrStopped is what Run returns when the loops have ended although nobody asked, because one of them could not go
	// on or its listener is broken. The cause is in the log. The process should end and be started again.
	ErrStopped = errors.New("eventloop: the loops stopped unasked (the cause was logged)")
	// ErrShutdown is what OnClose is given for connections that were still open when the engine stopped, and why
	// none moves or is taken in any more.
	ErrShutdown = errors.New("eventloop: engine shut down")
)

// FilesError says that the wanted number of connections does not fit the limit of open files.
type FilesError struct {
	Wanted int // connections
	Fit    int // connections that would fit
	Files  int // RLIMIT_NOFILE after raising it to the hard limit
}

func (e *FilesError) Error() string {
	return fmt.Sprintf("eventloop: %d connections do not fit into %d open files (%d would): raise the limit (ulimit -n, LimitNOFILE=) or lower the cap",
		e.Wanted, e.Files, e.Fit)
}

// Config describes an engine. The zero value of each field is its default.
type Config struct {
	Addr           string       // host:port to listen on; port 0 picks one, see Engine.Addr; "" listens nowhere
	Loops          int          // event loops; default GOMAXPROCS
	ConnectionsMax int          // admitted connections; default what RLIMIT_NOFILE allows beside a reserve
	ShareAddr      bool         // allow other processes to listen on the same address too (SO_REUSEPORT)
	Limits         Limits       // default the constants of this package
	Refusal        []byte       // sent to a connection beyond the cap, once it has said something, before it is closed
	Logger         *slog.Logger // default slog.Default()
}

func (cfg *Config) ensureDefaults() {
	if cfg.Loops <= 0 {
		cfg.Loops = runtime.GOMAXPROCS(0)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Limits.ensureDefaults()
}

func (l *Limits) ensureDefaults() {
	orDefault(&l.OutboundBytesPerConnMax, OutboundBytesPerConnMax)
	orDefault(&l.OutboundBytesMax, OutboundBytesMax)
	orDefault(&l.InboxTasksMax, InboxTasksMax)
	orDefault(&l.LingerMax, LingerMax)
}

func orDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Engine is a set of loops, as a rule behind one address: connections that are accepted there, that come by [Loop.Take] or
// from a listener given to [Engine.Accept] share its loops and its cap. Its methods may be called from any goroutine.
type Engine struct {
	cfg         Config
	start       time.Time
	shared      shared
	loops       []*Loop
	reservation *reservation // of the address; nil if there is none
	refusalsMax int64
	movers      int           // at most, for each loop
	turn        atomic.Uint32 // which loop gets the next connection from Accept

	resting atomic.Bool // the loops wait before they accept again
	pauses  pauses      // of whoever has set resting

	gnet     gnet.Engine
	client   *gnet.Client  // runs the loops if there is no address; set before they run
	ready    chan struct{} // closed when all loops are bound and accept
	ending   chan struct{} // closed when the loops of client are to end, or one has
	stopped  chan struct{} // closed when Run is about to return
	draining atomic.Bool
	stopping atomic.Bool
	end      sync.Once // closes ending

	accepting    context.Context // until the engine stops
	endAccepting context.CancelFunc

	bindMu sync.Mutex
	bound  atomic.Pointer[map[gnet.EventLoop]*Loop] // copied on write
}

// New prepares an engine: it raises the limit of open files, checks that the cap fits, claims the address, and makes the
// handler of each loop. Nothing is accepted until Run. An engine that is not to run after all must be given up with
// Release.
func New(cfg Config, newHandler func(*Loop) Handler) (*Engine, error) {
	cfg.ensureDefaults()
	files, err := raiseFileLimit()
	if err != nil {
		return nil, err
	}
	limit, reserve := connectionsThatFit(files)
	if cfg.ConnectionsMax <= 0 {
		cfg.ConnectionsMax = limit
	}
	if cfg.ConnectionsMax > limit {
		return nil, &FilesError{Wanted: cfg.ConnectionsMax, Fit: limit, Files: files}
	}
	var r *reservation
	if cfg.Addr != "" {
		if r, err = claim(cfg.Addr, cfg.ShareAddr); err != nil {
			return nil, err
		}
	}
	e := &Engine{
		cfg: cfg, start: time.Now(), reservation: r,
		refusalsMax: int64(reserve / 2), movers: min(moversMax, max(1, reserve/moversShare/cfg.Loops)),
		ready: make(chan struct{}), ending: make(chan struct{}), stopped: make(chan struct{}),
	}
	e.accepting, e.endAccepting = context.WithCancel(context.Background())
	e.bound.Store(&map[gnet.EventLoop]*Loop{})
	for i := range cfg.Loops {
		e.loops = append(e.loops, e.newLoop(i, newHandler))
	}
	return e, nil
}

func (e *Engine) newLoop(i int, newHandler func(*Loop) Handler) *Loop {
	l := newLoop(i, e.cfg.Limits, &e.shared, e.cfg.Logger, e.elapsed)
	b := &binding{loop: l, wake: -1}
	b.movers = newMovers(b, e)
	l.bell, l.again = b.ring, b.again
	l.send, l.closeWrite, l.closeTransport, l.move = sendTo, closeWriteOf, closeGnet, moveSocket
	l.binding = b
	l.handler = newHandler(l)
	return l
}

// elapsed is the engine's clock.
func (e *Engine) elapsed() time.Duration { return time.Since(e.start) }

// Release gives up an engine that has not run and will not: its address is free again. It may be called often.
func (e *Engine) Release() {
	if e.reservation != nil {
		e.reservation.release()
	}
}

// Addr is the address that the engine listens on, with the real port; nil if it listens nowhere.
func (e *Engine) Addr() net.Addr {
	if e.reservation == nil {
		return nil
	}
	return e.reservation.addr
}

// Loops are the engine's loops, by index. The slice never changes.
func (e *Engine) Loops() []*Loop { return e.loops }

// Ready is closed when the engine accepts connections.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// Stopped is closed when the loops have ended: after Shutdown, or unasked.
func (e *Engine) Stopped() <-chan struct{} { return e.stopped }

// Connections is how many connections are admitted and open, those given to a Listener and those on their way to another
// loop included.
func (e *Engine) Connections() int { return int(e.shared.conns.Load()) }

// ConnectionsMax is the cap in force.
func (e *Engine) ConnectionsMax() int { return e.cfg.ConnectionsMax }

// Panics is how many panics were caught so far.
func (e *Engine) Panics() int { return int(e.shared.panics.Load()) }

// Overloaded reports whether the process holds so many pending bytes that nobody new should be let in.
func (e *Engine) Overloaded() bool { return e.shared.overloaded(e.cfg.Limits) }

// Draining reports whether Shutdown has begun.
func (e *Engine) Draining() bool { return e.draining.Load() }

// Run accepts and serves until Shutdown, and returns nil then. Any other end is an error, never silence. It may be called
// once.
func (e *Engine) Run() error {
	defer close(e.stopped)
	defer e.endAccepting()
	defer e.Release()
	err := e.runLoops()
	switch {
	case err != nil:
		return fmt.Errorf("eventloop: %w", err)
	case !e.stopping.Load():
		return ErrStopped
	}
	return nil
}

// Shutdown refuses new connections, tells each handler to drain, waits until all connections are closed or ctx is done,
// and stops the loops. It returns ctx's error when connections had to be cut. Run returns nil afterwards; it must have been
// called.
func (e *Engine) Shutdown(ctx context.Context) error {
	select {
	case <-e.ready: // soon, or never because Run has failed
	case <-e.stopped:
		return nil
	}
	if !e.draining.Swap(true) {
		for _, l := range e.loops {
			l.PostAlways(TaskFunc(func(l *Loop) { l.handler.OnDrain() }))
		}
	}
	err := e.awaitEmpty(ctx)
	e.stopping.Store(true)
	e.endAccepting() // not before: until now who connected heard that the engine shuts down
	for _, l := range e.loops {
		l.binding.movers.end()
	}
	e.endLoops()
	<-e.stopped
	return err
}

// awaitEmpty waits until no connection is left.
func (e *Engine) awaitEmpty(ctx context.Context) error {
	poll := time.NewTicker(blockedPoll / 2)
	defer poll.Stop()
	for e.shared.conns.Load()+e.shared.refusals.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.stopped:
			return nil
		case <-poll.C:
		}
	}
	return nil
}
