package eventloop

import (
	"bytes"
	"cmp"
	"errors"
	"net"
	"slices"
	"strings"
)

// Errors of MoveTo and Take.
var (
	// ErrTarget is why a connection cannot be moved: it is on that loop already, or the loop is of another engine.
	ErrTarget = errors.New("eventloop: a connection moves only to another loop of its own engine")
	// ErrNotHandedOver is why a net.Conn cannot be taken back: another engine has handed it out, or it was closed or taken
	// back already.
	ErrNotHandedOver = errors.New("eventloop: not a connection that this engine has handed over")
	// ErrNoSocket is why a net.Conn cannot be taken at all: it is no *net.TCPConn, as over TLS.
	ErrNoSocket = errors.New("eventloop: not a TCP connection")
	// ErrFull is why a connection from elsewhere cannot be taken: there are as many as may be.
	ErrFull = errors.New("eventloop: as many connections as may be")
)

// MoveTo gives the connection to another loop of the same engine, together with the bytes that were read from it already
// (copied; nil if there are none). This Conn ends: its receiver hears OnClose with [ErrMoved]. After that, on the other
// loop, it is as if the connection had been accepted there: Handler.OnOpen gets a new Conn, and its receiver gets first
// what was read here, unless OnOpen has closed the connection, and then what the peer has sent since. So OnOpen itself
// cannot move a connection on: it would lose what was read.
//
// Nothing has changed when MoveTo returns an error: [ErrBusy] while output is pending or when the connection is closing,
// [ErrTarget], [ErrShutdown], or that of the system when there is no descriptor for a copy. Later troubles, such as a peer
// that resets on the way, end the connection unheard. All along it keeps its one place in the engine's cap. A move that
// arrives while the engine drains gets the refusal of a new connection.
//
// A move costs some 35 us of CPU time on a busy server and some 100 us on one that sleeps (two cores of a shared virtual
// machine, BenchmarkMove). Posting a request to another loop and its answer back costs 2 to 10 us (BenchmarkPostRoundTrip),
// so a connection is worth moving when some 10 to 20 requests or messages will follow. To be called on its own loop.
func (c *Conn) MoveTo(to *Loop, read []byte) error {
	switch {
	case to == c.loop || to.shared != c.loop.shared:
		return ErrTarget
	case c.Closing() || c.Pending() > 0:
		return ErrBusy
	}
	return c.loop.move(c, to, &arrival{fd: -1, read: bytes.Clone(read), addr: c.givenAddr()})
}

// Take takes a connection that somebody else has read from, as a rule net/http's server, which has let go of it
// (http.Hijacker): one that a [Listener] of this engine has handed out comes back in the same place of the engine's cap,
// any other *net.TCPConn gets a place. It arrives on this loop as one that was moved. The bytes in read, which are copied,
// come first: all that net/http had buffered. addr is what the new Conn's RemoteAddr is to return; nil for that of the
// peer, or of the loop that has handed it out.
//
// With [ErrNoSocket] and [ErrFull] the connection is still the caller's; with [ErrNotHandedOver] and [ErrShutdown], as
// without an error, it is not. Any goroutine.
func (l *Loop) Take(nc net.Conn, read []byte, addr net.Addr) error {
	h, ok := nc.(*handedConn)
	if !ok {
		return l.takeOther(nc, read, addr)
	}
	if h.conns != &l.shared.conns || !h.gone.CompareAndSwap(false, true) {
		nc.Close()
		return ErrNotHandedOver
	}
	// What the server has not read yet of what the loop had read stands behind what it has read of it.
	return l.binding.movers.put(&arrival{fd: -1, socket: h.Conn, read: slices.Concat(read, h.read), addr: cmp.Or(addr, h.addr)})
}

// takeOther takes a connection that was accepted elsewhere.
func (l *Loop) takeOther(nc net.Conn, read []byte, addr net.Addr) error {
	if _, ok := nc.(*net.TCPConn); !ok {
		return ErrNoSocket
	}
	m := l.binding.movers
	switch {
	case m.engine.draining.Load():
		nc.Close()
		return ErrShutdown
	case !m.engine.reserve():
		return ErrFull
	}
	return m.put(&arrival{fd: -1, socket: nc, read: bytes.Clone(read), addr: addr})
}

// Accept takes a connection that a listener elsewhere has accepted and nobody has read from: some loop gets it as one that
// was accepted there, beyond the cap and while the engine drains with the refusal. The connection is the engine's, whatever
// is returned: [ErrNoSocket] if it is no *net.TCPConn, [ErrFull] if it was cut off, [ErrShutdown]. Any goroutine.
func (e *Engine) Accept(nc net.Conn) error {
	if _, ok := nc.(*net.TCPConn); !ok {
		nc.Close()
		return ErrNoSocket
	}
	verdict := e.admit()
	if verdict == cutOff {
		nc.Close()
		return ErrFull
	}
	l := e.loops[int(e.turn.Add(1))%len(e.loops)]
	return l.binding.movers.put(&arrival{fd: -1, socket: nc, fresh: true, refused: verdict == turnedAway})
}

// Moved reports whether the connection has come by MoveTo or Take: it was not accepted just now, and what its peer had to
// say first was heard elsewhere.
func (c *Conn) Moved() bool { return c.is(moved) }

// arrival is a connection on its way to a loop. It holds a place in the engine's cap.
type arrival struct {
	fd     int      // a copy of the descriptor of a Conn that is gone, until it is a socket; -1
	socket net.Conn // what gnet is given
	read   []byte   // comes before what the socket has
	addr   net.Addr // what SetRemoteAddr has set, or nil
	landed bool     // the loop has it

	fresh   bool // it is a new connection
	refused bool // beyond the cap, where it is not counted
}

// conn is the connection that has arrived, over its new transport.
func (a *arrival) conn(l *Loop, t Transport, fd int) *Conn {
	c := &Conn{t: t, loop: l, fd: int32(fd)}
	if !a.fresh {
		c.state = moved
	}
	if a.refused {
		c.state |= refused
	}
	c.SetRemoteAddr(a.addr)
	return c
}

// addressed is a transport whose peer speaks for somebody with another address.
type addressed struct {
	Transport
	addr net.Addr
}

// RemoteAddr is that other address.
func (t *addressed) RemoteAddr() net.Addr { return t.addr }

// SetRemoteAddr replaces what RemoteAddr returns, for a peer that is a proxy and has told its client's address. It holds for
// the connection's whole life, also beyond MoveTo, HandOver and Take. nil brings the peer's own address back.
func (c *Conn) SetRemoteAddr(a net.Addr) {
	c.t = socketOf(c.t)
	if a != nil {
		c.t = &addressed{c.t, a}
	}
}

// givenAddr is what SetRemoteAddr has set, or nil.
func (c *Conn) givenAddr() net.Addr {
	if t, ok := c.t.(*addressed); ok {
		return t.addr
	}
	return nil
}

// socketOf is the transport without the address that was given to it.
func socketOf(t Transport) Transport {
	if a, ok := t.(*addressed); ok {
		return a.Transport
	}
	return t
}

// ownZone gives an address its own copy of its IPv6 zone, whose bytes gnet recycles when the connection closes: package
// net shares them among all addresses of an interface.
func ownZone(a net.Addr) {
	if tcp, ok := a.(*net.TCPAddr); ok {
		tcp.Zone = strings.Clone(tcp.Zone)
	}
}
