package eventloop

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"sync"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// Why a connection is lost on its way.
var (
	errPeerGone     = errors.New("eventloop: the peer has gone")
	errUnregistered = errors.New("eventloop: the loop could not register it")
)

// movers bring connections to one loop: those that move, those that are taken in, and those that [Engine.Accept] accepts. Making a net.Conn of a descriptor and registering it with gnet is a matter of some
// twenty system calls and of waiting for the loop, so goroutines do it. They are few, because each holds one descriptor
// beside the connection's own, and the reserve must never run out; and each loop has its own, because a loop that is held
// by a callback must not hold up what goes to others.
type movers struct {
	to     *binding
	engine *Engine
	max    int

	mu      sync.Mutex
	waiting []*arrival // guarded by mu, as the rest
	working int
	closed  bool
	idle    sync.Cond // told when nobody works any more
}

func newMovers(to *binding, e *Engine) *movers {
	m := &movers{to: to, engine: e, max: e.movers}
	m.idle.L = &m.mu
	return m
}

// moveSocket is Loop.move over real sockets.
func moveSocket(c *Conn, to *Loop, a *arrival) error {
	m := to.binding.movers
	if m.ended() {
		return ErrShutdown
	}
	fd, err := c.t.Dup()
	if err != nil {
		return err
	}
	unix.CloseOnExec(fd)
	a.fd = fd
	c.leave(ErrMoved, func() { _ = m.put(a) }) // OnClose here is over before OnOpen there begins
	return nil
}

// put sends a on its way. It returns ErrShutdown, and a is lost, when the engine is about to stop.
func (m *movers) put(a *arrival) error {
	if !m.enqueue(a) {
		m.lose(a, ErrShutdown)
		return ErrShutdown
	}
	return nil
}

func (m *movers) enqueue(a *arrival) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.waiting = append(m.waiting, a)
	if m.working < m.max {
		m.working++
		go m.work()
	}
	return true
}

// work brings connections until none waits.
func (m *movers) work() {
	for a := m.next(); a != nil; a = m.next() {
		if err := m.bring(a); !a.landed {
			m.lose(a, err)
		}
	}
}

// next takes the oldest arrival. The worker that gets nil is done.
func (m *movers) next() *arrival {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		if m.working--; m.working == 0 {
			m.idle.Broadcast()
		}
		return nil
	}
	a := m.waiting[0]
	m.waiting[0] = nil
	if m.waiting = m.waiting[1:]; len(m.waiting) == 0 {
		m.waiting = nil
	}
	return a
}

// bring registers a with the loop, and returns when the loop has taken it in (a.landed) or never will.
func (m *movers) bring(a *arrival) error {
	select {
	case <-m.engine.ready: // connections come before the last loop is bound
	case <-m.engine.stopped:
		return ErrStopped
	}
	if err := a.makeSocket(); err != nil {
		return err
	}
	ctx := gnet.NewContext(context.Background(), a)
	result, err := (*m.to.gnet.Load()).Enroll(ctx, a.socket)
	if err != nil {
		return err
	}
	for { // until gnet has closed its end, and with it our copy of the socket
		select {
		case r, open := <-result:
			if !open {
				return cmp.Or(err, errUnregistered) // of which the latter matters to nobody if it has landed
			}
			err = r.Err
		case <-m.engine.stopped: // unasked, and gnet's end of this waits for ever
			return ErrStopped
		}
	}
}

// makeSocket makes the net.Conn that Enroll wants, and gives it the properties of one that was accepted.
func (a *arrival) makeSocket() error {
	if a.fd >= 0 {
		f := os.NewFile(uintptr(a.fd), "moved")
		nc, err := net.FileConn(f)
		f.Close()
		a.fd, a.socket = -1, nc
		if err != nil {
			return err
		}
	}
	if !isSocket(a.socket) || a.socket.RemoteAddr() == nil { // Enroll would panic, and leak a descriptor
		return errPeerGone
	}
	ownZone(a.socket.RemoteAddr())
	ownZone(a.socket.LocalAddr())
	if tcp, ok := a.socket.(*net.TCPConn); ok {
		return tcp.SetKeepAlive(false) // package net turns it on
	}
	return nil
}

// lose gives up a connection that has not arrived, and its place in the cap.
func (m *movers) lose(a *arrival, cause error) {
	if a.fd >= 0 {
		unix.Close(a.fd)
	}
	if a.socket != nil {
		a.socket.Close() // gnet may have done it already
	}
	if a.state&refused != 0 {
		m.engine.shared.refusals.Add(-1)
	} else {
		m.engine.shared.conns.Add(-1)
	}
	if !errors.Is(cause, errPeerGone) && !errors.Is(cause, ErrShutdown) {
		m.engine.cfg.Logger.Warn("a connection was lost on its way to a loop", "loop", m.to.loop.index, "error", cause)
	}
}

// ended reports whether nothing will be brought any more.
func (m *movers) ended() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// end gives up what waits and waits for what is under way: what is put into gnet's queue when its loops have ended is
// never looked at, and would be leaked. It may be called often.
func (m *movers) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, a := range m.waiting {
		m.lose(a, ErrShutdown)
	}
	m.waiting = nil
	for m.working > 0 {
		m.idle.Wait()
	}
}
