package hub

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// ending is what Serve and Shutdown know of one another.
type ending struct {
	asked chan struct{}            // closed when Shutdown was called
	over  chan struct{}            // closed when Serve returns
	addr  atomic.Pointer[net.Addr] // of the listener that was given to ServeListener

	patience context.Context // done when what is left is to be cut
	cut      context.CancelCauseFunc

	drained atomic.Pointer[time.Time] // when all clients are to be gone; nil before a shutdown, and then never later than before

	lock  sync.Mutex
	begun bool  // Serve was called; guarded by lock, as the rest
	err   error // what Serve returns, when over is closed
}

// cutTimeMax is how long Shutdown waits for what it has had cut off.
const cutTimeMax = time.Second

func newEnding() ending {
	patience, cut := context.WithCancelCause(context.Background())
	return ending{
		asked: make(chan struct{}), over: make(chan struct{}),
		patience: patience, cut: cut,
	}
}

// wanted reports whether Shutdown was called.
func (e *ending) wanted() bool {
	select {
	case <-e.asked:
		return true
	default:
		return false
	}
}

// begin notes that Serve was called, unless it must not be.
func (e *ending) begin() error {
	e.lock.Lock()
	defer e.lock.Unlock()
	switch {
	case e.wanted():
		return ErrShutdown
	case e.begun:
		return ErrListening
	}
	e.begun = true
	return nil
}

// finish notes what Serve returns.
func (e *ending) finish(err error) {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.err = err
	e.cut(nil)
	close(e.over)
}

// ask asks for the end, with the clients gone at a time or before, and reports whether nobody has asked before, and whether Serve
// was called, so that there is something to wait for.
func (e *ending) ask(drained time.Time) (first, begun bool) {
	e.hasten(drained)
	e.lock.Lock()
	defer e.lock.Unlock()
	if first = !e.wanted(); first {
		close(e.asked)
	}
	return first, e.begun
}

// hasten has the clients be gone at a time, if that is not asked for already.
func (e *ending) hasten(to time.Time) {
	for {
		now := e.drained.Load()
		if now != nil && !to.Before(*now) || e.drained.CompareAndSwap(now, &to) {
			return
		}
	}
}

// Shutdown ends the server in order, and waits for that:
//
//  1. No session begins any more: clients that ask for one get status 503 with Retry-After. Everything else goes on.
//  2. Options.ShutdownNotice, if it is set, is emitted to all sockets of this server, in all namespaces.
//  3. The clients are disconnected, with ReasonServerShutdown: all at once, or evenly over Options.DrainTime, so that not
//     all of them come to the next server in the same second. A deadline of ctx that is nearer than DrainTime and
//     Options.ShutdownTimeout shortens the former.
//  4. New connections are refused, pending bytes are sent, requests to Options.Handler and handlers are waited for.
//
// Serve returns nil then, and so does Shutdown. When ctx is done before, what is left is cut off, and both return ctx's
// error. Shutdown may be called from any goroutine but a handler's, which it would wait for, and by several, which all wait;
// the earliest end that any of them asks for counts, and the first context that is done cuts. Before Serve it returns nil, and Serve will return ErrShutdown.
//
// With ServeHTTP, the http.Server around it is still the caller's to shut down; it does not wait for connections that were
// taken over.
func (s *Server) Shutdown(ctx context.Context) error { return s.ShutdownOver(ctx, s.opts.DrainTime) }

// Draining reports whether the server has begun to shut down: no session begins any more.
func (s *Server) Draining() bool { return s.draining.Load() }

// ShutdownOver is Shutdown with another time than Options.DrainTime. It also hastens a shutdown that is under way.
func (s *Server) ShutdownOver(ctx context.Context, drain time.Duration) error {
	now := time.Now()
	first, begun := s.ask(now.Add(drainTime(ctx, drain, s.opts.ShutdownTimeout, now)))
	switch {
	case first && !begun:
		s.discard()
		return nil
	case !begun:
		return nil
	}
	select {
	case <-s.over:
		return s.err
	case <-ctx.Done():
	}
	s.cut(ctx.Err())
	t := time.NewTimer(cutTimeMax)
	defer t.Stop()
	select {
	case <-s.over:
		return s.err
	case <-t.C: // a callback holds its loop
		return ctx.Err()
	}
}

// discard gives up what Listen has claimed for a server that will not serve.
func (s *Server) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.engine.Load(); e != nil {
		e.Release()
		s.leaveCluster()
	}
}

// end is what Shutdown does, in the goroutine of Serve. When ctx, which is Serve's, is done there is a limit.
func (s *Server) end(ctx context.Context, ended <-chan error, stopForeign func(context.Context) error) error {
	if ctx.Err() != nil { // it is why we are here
		s.hasten(time.Now().Add(s.opts.DrainTime))
	}
	defer context.AfterFunc(ctx, func() {
		s.hasten(time.Now().Add(s.opts.DrainTime))
		t := time.NewTimer(s.opts.DrainTime + s.opts.ShutdownTimeout)
		defer t.Stop()
		select {
		case <-t.C:
			s.cut(context.DeadlineExceeded)
		case <-s.patience.Done(): // Serve has returned
		}
	})()
	s.drain()
	foreign := make(chan error, 1)
	go func() { foreign <- stopForeign(s.patience) }() // its connections count among the engine's
	cut := s.engine.Load().Shutdown(s.patience) != nil
	close(s.stopped)
	s.front.homes.leave()
	if err := <-ended; err != nil {
		return err
	}
	cut = <-foreign != nil || cut
	cut = s.awaitHandlers(s.patience) != nil || cut
	if cut {
		return context.Cause(s.patience)
	}
	return nil
}

// drain disconnects the clients, if they are to be in steps, while everybody who has a session is still served.
func (s *Server) drain() {
	s.draining.Store(true)
	s.giveNotice()
	if s.drainLeft() <= 0 {
		return // the loops' end disconnects all
	}
	shards := s.column()
	done := make(chan struct{}, len(shards))
	for _, sh := range shards {
		sh.loop.PostAlways(&departure{table: sh.table, left: s.drainLeft, done: func() { done <- struct{}{} }})
	}
	for range shards {
		select {
		case <-done:
		case <-s.patience.Done():
			return
		case <-s.engine.Load().Stopped():
			return
		}
	}
}

// drainLeft is how long there is for the clients to go.
func (e *ending) drainLeft() time.Duration {
	if until := e.drained.Load(); until != nil {
		return time.Until(*until)
	}
	return 0
}

// drainTime is over what time clients are disconnected: as long as is wanted, unless the context is done earlier. What comes after
// the drain has its own time, or half of what there is.
func drainTime(ctx context.Context, wanted, after time.Duration, now time.Time) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return wanted
	}
	left := deadline.Sub(now)
	return min(wanted, max(left-after, left/2))
}

// giveNotice tells all sockets of this server that it goes away.
func (s *Server) giveNotice() {
	if s.opts.ShutdownNotice == "" {
		return
	}
	for _, n := range s.Namespaces() {
		if err := n.Local().Emit(s.opts.ShutdownNotice); err != nil {
			s.opts.Logger.Error("giving notice of the shutdown", "namespace", n.Name(), "error", err)
		}
	}
}

// departure disconnects the clients of one loop, evenly over a time. It is posted to the loop, which alone touches it then.
type departure struct {
	table *session.Table
	left  func() time.Duration // of the time that there is, which may become less
	done  func()               // told when it is over

	loop       *eventloop.Loop
	timer      eventloop.Timer
	begin, end time.Duration // on the loop's clock
	total      int           // sessions that there were at the beginning
}

// hastenMin is by how much a departure has to be hastened to begin anew: the loop's clock goes in steps.
const hastenMin = 200 * time.Millisecond

// Run is part of eventloop.Task.
func (d *departure) Run(l *eventloop.Loop) {
	d.loop = l
	d.aim(l.Now() + d.left())
	d.step()
}

// aim spreads those who are there over the time until an end.
func (d *departure) aim(end time.Duration) {
	d.begin, d.end, d.total = d.loop.Now(), end, d.table.Len()
}

// Expired is part of eventloop.Expirer.
func (d *departure) Expired(*eventloop.Timer) { d.step() }

// step disconnects as many as are due. Who leaves by himself counts: that brings the next one no earlier.
func (d *departure) step() {
	now := d.loop.Now()
	if end := now + d.left(); end < d.end-hastenMin {
		d.aim(end)
	}
	may := 0
	if now < d.end {
		may = int(float64(d.total) * float64(d.end-now) / float64(d.end-d.begin))
	}
	if d.table.Disconnect(max(0, d.table.Len()-may)) == 0 {
		d.done()
		return
	}
	d.loop.Schedule(&d.timer, 0, d) // the next tick
}
