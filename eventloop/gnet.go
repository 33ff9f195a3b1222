package eventloop

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// binding ties a Loop to the gnet loop that runs it. gnet's loops cannot be listed, only seen through their
// connections; so each is given one connection of its own at the start, the near end of a socket pair. Writing a byte to
// the far end asks for an iteration through epoll, in line with all other I/O.
type binding struct {
	loop   *Loop
	movers *movers
	gnet   atomic.Pointer[gnet.EventLoop] // nil until bound

	// The loop's goroutine only.
	wake      int       // the far end; -1 until bound
	listeners listeners // none until bound
}

// ring wakes an idle loop. gnet's Execute is used as a doorbell only: its queue is neither in order past 1,024 tasks nor
// fair to I/O. Before the loop is bound nothing can be rung; bind makes up for it.
func (b *binding) ring() {
	if el := b.gnet.Load(); el != nil {
		_ = (*el).Execute(context.Background(), b) // an error means that the engine is shut down
	}
}

// Run is what Execute runs.
func (b *binding) Run(context.Context) error {
	b.loop.drain()
	return nil
}

var wakeByte = []byte{1}

// again asks for one more iteration.
func (b *binding) again() {
	if b.wake < 0 {
		b.ring()
		return
	}
	// EAGAIN means that bytes wait in the pair already, which is all we want.
	if _, err := unix.Write(b.wake, wakeByte); err != nil && err != unix.EAGAIN {
		b.ring()
	}
}

// runLoops has gnet run the loops until they are to end. Where there is an address each loop listens there. Where there is
// none they are those of a gnet client, which differ in nothing but that: without a listener gnet's engine lets nobody near
// its loops.
func (e *Engine) runLoops() error {
	g := &callbacks{engine: e}
	options := []gnet.Option{
		gnet.WithNumEventLoop(e.cfg.Loops),
		gnet.WithReusePort(true), // one accept, then its OnOpen: the cap is exact
		gnet.WithReuseAddr(true), // or a restart would fail while old connections are in TIME_WAIT
		gnet.WithTicker(true),
		gnet.WithLogger(gnetLogger{e.cfg.Logger, e.acceptFailed}),
	}
	if e.reservation != nil {
		return gnet.Run(g, "tcp://"+e.reservation.addr.String(), options...)
	}
	client, err := gnet.NewClient(g, options...)
	if err != nil {
		return err
	}
	e.client = client
	if err := client.Start(); err != nil {
		return err
	}
	<-e.ending
	return client.Stop()
}

// endLoops asks the loops to end.
func (e *Engine) endLoops() {
	if e.client != nil {
		e.endClient()
		return
	}
	done, cancel := context.WithCancel(context.Background())
	cancel() // only ask: gnet's own wait has a resolution of half a second
	_ = e.gnet.Stop(done)
}

// endClient ends the loops of the client. It is also for a loop that has ended unasked: of that gnet's client tells nobody,
// and the others would run on without it.
func (e *Engine) endClient() { e.end.Do(func() { close(e.ending) }) }

// callbacks is the gnet.EventHandler of an engine: it finds the Loop and the Conn and passes on.
type callbacks struct {
	gnet.BuiltinEventEngine
	engine *Engine
	bound  bool // the ticker's goroutine only
	held   []bool
}

func (g *callbacks) OnBoot(e gnet.Engine) gnet.Action {
	g.engine.gnet = e
	return gnet.None
}

// OnTick runs on a goroutine of its own, not on a loop; gnet starts it when the loops exist.
func (g *callbacks) OnTick() (time.Duration, gnet.Action) {
	e := g.engine
	if !g.bound {
		g.bound = true
		if err := e.bindAll(); err != nil {
			e.cfg.Logger.Error("binding the event loops", "error", err)
			e.endClient()
			return tick, gnet.Shutdown
		}
		g.held = make([]bool, len(e.loops))
		e.Release() // the loops listen
		close(e.ready)
	}
	delay := tick
	for i, l := range e.loops {
		g.tickLoop(i, l)
		if l.slow.Load() {
			delay = blockedPoll
		}
	}
	return delay, gnet.None
}

// tickLoop has a loop turn its timers, and names the one that has not answered for long: some callback holds it.
func (g *callbacks) tickLoop(i int, l *Loop) {
	now := g.engine.elapsed()
	if !l.tickDue.Load() { // nobody else sets it
		l.tickAt.Store(int64(now))
		l.tickDue.Store(true)
		g.held[i] = false
		l.ring()
		return
	}
	if since := now - time.Duration(l.tickAt.Load()); since > heldLoopMax && !g.held[i] {
		g.held[i] = true
		g.engine.cfg.Logger.Warn("event loop is held by a callback", "loop", i, "for", since)
	}
}

// bindAll gives each gnet loop its Loop.
func (e *Engine) bindAll() error {
	for range e.loops {
		if err := e.bindNext(); err != nil {
			return err
		}
	}
	return nil
}

// bindNext registers one end of a socket pair with the next gnet loop in turn and waits until it is in.
func (e *Engine) bindNext() error {
	near, far, err := socketPair()
	if err != nil {
		return err
	}
	defer near.Close() // gnet has its own copy
	end := &wakeEnd{far: far}
	err = e.register(near, end)
	if err == nil && end.loop == nil { // gnet calls a failed registration a success
		err = errUnregistered
	}
	if err != nil {
		unix.Close(far)
		return err
	}
	return end.err
}

// register gives a connection to the gnet loop whose turn it is: of an engine the next one, of a client the one with the
// fewest connections, which comes to the same while there are no others.
func (e *Engine) register(near net.Conn, end *wakeEnd) error {
	if e.client != nil {
		_, err := e.client.EnrollContext(near, end)
		return err
	}
	ctx := gnet.NewContext(context.Background(), end)
	result, err := e.gnet.Register(gnet.NewNetConnContext(ctx, near))
	if err != nil {
		return err
	}
	return (<-result).Err
}

// wakeEnd is the gnet context of a loop's own connection.
type wakeEnd struct {
	far  int
	loop *Loop
	err  error // of finding the loop's listeners
}

// socketPair returns a connected pair: one end for gnet to poll, the other to write to, non-blocking.
func socketPair() (near net.Conn, far int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true)
	}
	f := os.NewFile(uintptr(fds[0]), "wake")
	defer f.Close()
	near, err = net.FileConn(f)
	if err != nil {
		unix.Close(fds[1])
		return nil, -1, err
	}
	return near, fds[1], nil
}

// loopOf returns the Loop of a gnet loop, binding the two when they meet for the first time.
func (e *Engine) loopOf(el gnet.EventLoop) *Loop {
	if l := (*e.bound.Load())[el]; l != nil {
		return l
	}
	e.bindMu.Lock()
	defer e.bindMu.Unlock()
	known := *e.bound.Load()
	if l := known[el]; l != nil {
		return l
	}
	l := e.loops[len(known)]
	grown := maps.Clone(known)
	grown[el] = l
	e.bound.Store(&grown)
	l.binding.gnet.Store(&el)
	l.armed.Store(true)
	l.binding.ring() // for whoever posted before there was a bell
	return l
}

func (g *callbacks) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	e := g.engine
	l := e.loopOf(gc.EventLoop())
	switch ctx := gc.Context().(type) {
	case *wakeEnd:
		ctx.loop, l.binding.wake = l, ctx.far
		l.binding.listeners, ctx.err = listenersOf(gc.EventLoop())
		return nil, gnet.None
	case *arrival:
		e.arrived(l, gc, ctx)
		return nil, gnet.None
	}
	c := &Conn{t: gc, loop: l, fd: int32(gc.Fd())}
	switch e.admit() {
	case admitted:
		gc.SetContext(c)
		l.opened(c)
	case turnedAway:
		c.state |= refused
		c.recv = refusal{e.cfg.Refusal}
		gc.SetContext(c)
		l.expectRequest(c)
	default:
		return nil, gnet.Close
	}
	return nil, gnet.None
}

// arrived takes in a connection that was not accepted by this loop. The loop's handler may have been told to drain and look
// after nobody any more; so then it gets what a new connection would.
func (e *Engine) arrived(l *Loop, gc gnet.Conn, a *arrival) {
	a.landed = true
	c := a.conn(l, gc, gc.Fd())
	gc.SetContext(c)
	if c.is(refused) || e.tooLate() {
		c.recv = refusal{e.cfg.Refusal}
		l.expectRequest(c)
	} else {
		l.opened(c)
	}
	l.receivedBefore(c, a.read)
}

func (g *callbacks) OnTraffic(gc gnet.Conn) gnet.Action {
	b, _ := gc.Next(-1) // everything: what is left unread gnet would copy
	switch ctx := gc.Context().(type) {
	case *Conn:
		if len(b) > 0 {
			ctx.loop.received(ctx, b)
		}
	case *wakeEnd:
		ctx.loop.drain()
	}
	return gnet.None
}

func (g *callbacks) OnClose(gc gnet.Conn, err error) gnet.Action {
	switch ctx := gc.Context().(type) {
	case *Conn:
		if err == nil && g.engine.stopping.Load() {
			err = ErrShutdown
		}
		ctx.loop.closedBelow(ctx, err)
	case *wakeEnd:
		unix.Close(ctx.far)
		ctx.loop.binding.wake = -1
		g.engine.endClient()
	}
	return gnet.None
}

// closeGnet closes a gnet connection at once, on its loop.
func closeGnet(t Transport) error {
	gc := socketOf(t).(gnet.Conn)
	return gc.EventLoop().Close(gc)
}

// gnetLogger passes gnet's log on. What gnet calls information is of use only to who debugs the engine.
type gnetLogger struct {
	log          *slog.Logger
	acceptFailed func(error) // called on the loop's goroutine
}

func (g gnetLogger) Debugf(format string, args ...any) { g.write(slog.LevelDebug, format, args) }
func (g gnetLogger) Infof(format string, args ...any)  { g.write(slog.LevelDebug, format, args) }

// Warnf passes on what gnet warns of, but for an event of a connection that was closed earlier in the same batch, which is
// no trouble.
func (g gnetLogger) Warnf(format string, args ...any) {
	level := slog.LevelWarn
	if strings.Contains(format, "stale connection") {
		level = slog.LevelDebug
	}
	g.write(level, format, args)
}

// Errorf passes on what has failed, but for an accept, of which to log is the least.
func (g gnetLogger) Errorf(format string, args ...any) {
	if format == acceptFailedFormat {
		err, _ := args[0].(error)
		g.write(slog.LevelDebug, format, args)
		g.acceptFailed(err)
		return
	}
	g.write(slog.LevelError, format, args)
}

func (g gnetLogger) Fatalf(format string, args ...any) { g.write(slog.LevelError, format, args) }

func (g gnetLogger) write(level slog.Level, format string, args []any) {
	if g.log.Enabled(context.Background(), level) {
		g.log.Log(context.Background(), level, fmt.Sprintf(format, args...))
	}
}
