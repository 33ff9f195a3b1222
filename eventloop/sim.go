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
	loop *Loop
	now  time.Duration
	due  bool // an iteration was asked for
}

// NewSim makes a simulated loop that stands at time 0 and has run nothing yet.
func NewSim(limits Limits, log *slog.Logger, newHandler func(*Loop) Handler) *Sim {
	limits.ensureDefaults()
	s := &Sim{}
	l := newLoop(0, limits, &shared{}, log, func() time.Duration { return s.now })
	l.bell = func() { s.due = true }
	l.again = l.bell
	l.send = func(c *Conn, b []byte) (int, syscall.Errno) { return c.t.(*Peer).send(b) }
	l.closeWrite = func(c *Conn) error { c.t.(*Peer).ShutByUs = true; return nil }
	l.closeTransport = func(t Transport) error { t.(*Peer).closeByUs(); return nil }
	s.loop = l
	l.handler = newHandler(l)
	return s
}

// Loop is the loop that is driven.
func (s *Sim) Loop() *Loop { return s.loop }

// Open connects a model peer.
func (s *Sim) Open() *Peer {
	p := &Peer{sim: s}
	p.conn = &Conn{t: p, loop: s.loop, fd: -1}
	s.loop.shared.conns.Add(1)
	s.loop.opened(p.conn)
	return p
}

// Run works until nothing is due at the present time.
func (s *Sim) Run() {
	for s.due {
		s.due = false
		s.loop.drain()
	}
}

// Advance moves the clock in steps of the loop's resolution and runs what becomes due.
func (s *Sim) Advance(d time.Duration) {
	for until := s.now + d; s.now < until; {
		s.now += min(tick, until-s.now)
		s.loop.tickDue.Store(true)
		s.loop.ring()
		s.Run()
	}
}

// Panics is how many panics the loop has caught.
func (s *Sim) Panics() int { return int(s.loop.shared.panics.Load()) }

// Connections is how many connections are open.
func (s *Sim) Connections() int { return int(s.loop.shared.conns.Load()) }

// Peer is the other end of a simulated connection.
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
}

// Conn is the loop's end.
func (p *Peer) Conn() *Conn { return p.conn }

// Send has the loop receive b, and then work until nothing is due.
func (p *Peer) Send(b []byte) {
	if !p.Closed {
		p.sim.loop.received(p.conn, append([]byte(nil), b...))
	}
	p.sim.Run()
}

// Hangup closes the peer's end.
func (p *Peer) Hangup(err error) {
	if p.Closed {
		return
	}
	p.Closed = true
	p.sim.loop.closedBelow(p.conn, err)
	p.sim.Run()
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

// closeByUs is what closing the transport does.
func (p *Peer) closeByUs() {
	p.Closed = true
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
