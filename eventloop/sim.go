package eventloop

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// Sim drives one Loop by hand, on a clock of its own and over model peers, in the caller's goroutine: for simulations and
// for tests of what runs on loops. Nothing in it waits.
type Sim struct {
	*world
	loop *Loop
	due  bool // an iteration was asked for
}

// world is what the loops of one simulation have in common.
type world struct {
	now    time.Duration
	sims   []*Sim
	flying []flight
}

// flight is a connection between two loops.
type flight struct {
	peer *Peer
	to   *Sim
	what *arrival
}

// NewSim makes a simulated loop that stands at time 0 and has run nothing yet.
func NewSim(limits Limits, log *slog.Logger, newHandler func(*Loop) Handler) *Sim {
	return NewSims(1, limits, log, newHandler)[0]
}

// NewSims makes the n loops of one simulated engine. They share a clock, and the counters that an engine's loops share:
// running or advancing one of them does so with all, each in turn.
func NewSims(n int, limits Limits, log *slog.Logger, newHandler func(*Loop) Handler) []*Sim {
	limits.ensureDefaults()
	w, sh := &world{}, &shared{}
	for i := range n {
		s := &Sim{world: w, loop: newLoop(i, limits, sh, log, w.clock)}
		w.sims = append(w.sims, s)
		s.bind()
		s.loop.handler = newHandler(s.loop)
	}
	return w.sims
}

// bind has the loop act on the simulation.
func (s *Sim) bind() {
	l := s.loop
	l.bell = func() { s.due = true }
	l.again = l.bell
	l.send = func(c *Conn, b []byte) (int, syscall.Errno) { return peerOf(c.t).send(b) }
	l.closeWrite = func(c *Conn) error { peerOf(c.t).ShutByUs = true; return nil }
	l.closeTransport = func(t Transport) error { peerOf(t).closeByUs(); return nil }
	l.move = s.move
}

func peerOf(t Transport) *Peer {
	if p, ok := t.(*Peer); ok {
		return p
	}
	return socketOf(t).(*Peer)
}

// Loop is the loop that is driven.
func (s *Sim) Loop() *Loop { return s.loop }

// Open connects a model peer to this loop.
func (s *Sim) Open() *Peer {
	p := &Peer{sim: s}
	p.conn = &Conn{t: p, loop: s.loop, fd: -1}
	s.loop.shared.conns.Add(1)
	s.loop.opened(p.conn)
	return p
}

// Run works until nothing is due at the present time on any loop of the simulation.
func (s *Sim) Run() { s.run() }

// Advance moves the clock in steps of the loops' resolution and runs what becomes due.
func (s *Sim) Advance(d time.Duration) {
	for until := s.now + d; s.now < until; {
		s.now += min(tick, until-s.now)
		for _, other := range s.sims {
			other.loop.tickAt.Store(int64(s.now))
			other.loop.tickDue.Store(true)
			other.loop.ring()
		}
		s.run()
	}
}

// Panics is how many panics the loops of the simulation have caught.
func (s *Sim) Panics() int { return int(s.loop.shared.panics.Load()) }

// Connections is how many connections are open on all loops of the simulation, and between them.
func (s *Sim) Connections() int { return int(s.loop.shared.conns.Load()) }

func (w *world) clock() time.Duration { return w.now }

// run gives the loops that are due their iterations, in turn, and lands what is on its way between them.
func (w *world) run() {
	for worked := true; worked; {
		worked = len(w.flying) > 0 && w.land()
		for _, s := range w.sims {
			if s.due {
				s.due, worked = false, true
				s.loop.drain()
			}
		}
	}
}

// move is Loop.move over model peers.
func (s *Sim) move(c *Conn, to *Loop, a *arrival) error {
	p := peerOf(c.t)
	p.flying = true
	c.leave(ErrMoved, func() { s.flying = append(s.flying, flight{p, s.sims[to.index], a}) })
	s.loop.ring() // it may be a test that moves the connection, and no callback at whose end its receiver would hear of it
	return nil
}

// land has the connections arrive that are on their way, except to a loop that is in the middle of a callback. It reports
// whether there was any.
func (w *world) land() (landed bool) {
	flying := w.flying
	w.flying = nil
	for _, f := range flying {
		if f.to.loop.inside > 0 {
			w.flying = append(w.flying, f)
			continue
		}
		landed = true
		f.peer.land(f.to, f.what)
	}
	return landed
}

// Peer is the other end of a simulated connection. Its connection may move from loop to loop; the peer goes with it.
type Peer struct {
	sim  *Sim
	conn *Conn

	Got      []byte // what has arrived here; the test may cut it
	Writes   int    // how many writes brought it
	ShutByUs bool   // the loop has closed its half
	Closed   bool   // the loop has closed the connection
	Window   int    // when Stalled: how much is still taken
	Stalled  bool   // takes only Window bytes more
	Broken   bool   // every write fails

	buffered []byte // what gnet would hold for a stalled peer

	// While the connection is between two loops:
	flying bool
	unread []byte // what the kernel would hold
	hungUp func() // the peer's end of the connection, which comes behind that
}

// Conn is the loop's end: of several, if the connection has moved, the last.
func (p *Peer) Conn() *Conn { return p.conn }

// Send has the loop receive b, and then work until nothing is due.
func (p *Peer) Send(b []byte) {
	switch {
	case p.Closed || p.hungUp != nil:
	case p.flying:
		p.unread = append(p.unread, b...)
	default:
		p.sim.loop.received(p.conn, append([]byte(nil), b...))
	}
	p.sim.Run()
}

// Hangup closes the peer's end.
func (p *Peer) Hangup(err error) {
	switch {
	case p.Closed:
		return
	case p.flying:
		p.hungUp = func() { p.Hangup(err) }
	default:
		p.Closed = true
		p.sim.loop.closedBelow(p.conn, err)
	}
	p.sim.Run()
}

// land is the arrival of the connection on a loop.
func (p *Peer) land(on *Sim, a *arrival) {
	p.sim, p.flying = on, false
	p.conn = a.conn(on.loop, p, -1)
	on.loop.opened(p.conn)
	on.loop.receivedBefore(p.conn, a.read)
	if unread := p.unread; len(unread) > 0 && !p.flying && !p.Closed {
		p.unread = nil
		on.loop.received(p.conn, unread)
	}
	if hungUp := p.hungUp; hungUp != nil && !p.flying {
		p.hungUp = nil
		hungUp()
	}
}

// Resume lets a stalled peer read again, as the kernel would tell gnet.
func (p *Peer) Resume() {
	p.Stalled = false
	p.Got = append(p.Got, p.buffered...)
	p.buffered = nil
}

// send is a non-blocking send(2).
func (p *Peer) send(b []byte) (int, syscall.Errno) {
	if p.Broken {
		return 0, syscall.EPIPE
	}
	if p.Stalled {
		if p.Window == 0 {
			return 0, syscall.EAGAIN
		}
		b = b[:min(len(b), p.Window)]
		p.Window -= len(b)
	}
	p.Got = append(p.Got, b...)
	p.Writes++
	return len(b), 0
}

// closeByUs is what closing the transport does; when the connection moves, its socket stays open.
func (p *Peer) closeByUs() {
	p.Closed = !p.flying
	p.sim.loop.closedBelow(p.conn, nil)
}

// Write is part of Transport.
func (p *Peer) Write(b []byte) (int, error) {
	if p.Closed {
		panic("eventloop: write on a closed connection") // in the server it would reach whoever has the descriptor now
	}
	if p.Broken {
		p.Hangup(io.ErrClosedPipe)
		return 0, io.ErrClosedPipe
	}
	if p.Stalled {
		p.buffered = append(p.buffered, b...)
	} else {
		p.Got = append(p.Got, b...)
		p.Writes++
	}
	return len(b), nil
}

// OutboundBuffered is part of Transport.
func (p *Peer) OutboundBuffered() int { return len(p.buffered) }

// RemoteAddr is part of Transport.
func (p *Peer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

// Dup is part of Transport; a model has no descriptor.
func (p *Peer) Dup() (int, error) { return -1, errors.ErrUnsupported }
