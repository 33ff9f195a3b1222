package eventloop

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Errors of MoveTo, Take and Accept.
var (
	// ErrTarget is why a connection cannot be moved: it is on that loop already, or the loop is of another engine.
	ErrTarget = errors.New("eventloop: a connection moves only to another loop of its own engine")
	// ErrNoSocket is why a net.Conn cannot be taken in: it is not a socket alone, but something of which a part is kept in
	// this process, such as a TLS connection.
	ErrNoSocket = errors.New("eventloop: not a plain TCP or Unix socket")
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
	return c.loop.move(c, to, &arrival{fd: -1, read: bytes.Clone(read), known: c.known(), state: moved})
}

// Take takes in a connection that was accepted elsewhere, as a rule by net/http's server, which has let go of it
// (http.Hijacker): on this loop it arrives as one that was moved. The bytes in read, which are copied, come first: all that
// has been read from it and is for this engine. Any goroutine.
//
// home, if it is not nil, is whom the connection belongs to when it is not needed here, see [Conn.Home].
//
// A connection that a [Listener] of this engine has handed out comes back in the place of the engine's cap that it has kept,
// unless that listener was its home. Any other needs a place.
//
// When Take returns nil nc is closed, while a copy of its descriptor lives on here; to close nc once more does no harm. When
// Take returns an error nothing has changed, and nc is still the caller's: [ErrNoSocket] if nc is no *net.TCPConn or
// *net.UnixConn, [ErrFull] beyond the cap, [ErrShutdown] when the engine takes nobody in any more, net.ErrClosed, or that of
// the system when there is no descriptor for a copy. The loop need not run yet, but it must some day.
func (l *Loop) Take(nc net.Conn, read []byte, home *Listener) error {
	h, handed := nc.(*handedConn)
	if !handed {
		h = &handedConn{Conn: nc}
	}
	switch {
	case !isSocket(h.Conn):
		return fmt.Errorf("%w: %T", ErrNoSocket, h.Conn)
	case !h.gone.CompareAndSwap(false, true):
		return net.ErrClosed
	}
	if err := l.takeIn(h, read, home); err != nil {
		h.gone.Store(false)
		return err
	}
	return nil
}

// takeIn is Take of a connection that nobody else can close meanwhile.
func (l *Loop) takeIn(h *handedConn, read []byte, home *Listener) error {
	if h.conns == &l.shared.conns { // it has its place
		return l.copyIn(h, read, home)
	}
	if err := l.binding.movers.engine.reserve(); err != nil {
		return err
	}
	if err := l.copyIn(h, read, home); err != nil {
		l.shared.conns.Add(-1)
		return err
	}
	h.giveBack() // another engine's
	return nil
}

// copyIn sends a copy of a connection on its way and closes the connection. It is a copy because gnet writes on the
// addresses of what it is given, and net/http has shown those to its handlers.
func (l *Loop) copyIn(h *handedConn, read []byte, home *Listener) error {
	fd, err := dupSocket(h.Conn.(syscall.Conn))
	if err != nil {
		return err
	}
	// What the server has not read yet of what the loop had read stands behind what it has read of it.
	a := &arrival{fd: fd, read: slices.Concat(read, h.read), known: known{h.known.addr, cmp.Or(home, h.known.home)}, state: moved}
	if !l.binding.movers.enqueue(a) {
		unix.Close(fd)
		return ErrShutdown
	}
	h.Conn.Close()
	return nil
}

// dupSocket returns a copy of the descriptor of a connection.
func dupSocket(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	closed := raw.Control(func(s uintptr) {
		fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, cmp.Or(closed, os.NewSyscallError("fcntl", err))
}

// Moved reports whether the connection has come by MoveTo or Take: it was not accepted just now, and what its peer had to
// say first was heard elsewhere.
func (c *Conn) Moved() bool { return c.is(moved) }

// arrival is a connection on its way to a loop. It holds a place in the engine's cap, or among the refused.
type arrival struct {
	fd     int      // a copy of the descriptor of a Conn that is gone, until it is a socket; -1
	socket net.Conn // what gnet is given
	read   []byte   // comes before what the socket has
	known  known
	state  state // moved, refused or neither
	landed bool  // the loop has it
}

// conn is the connection that has arrived, over its new transport.
func (a *arrival) conn(l *Loop, t Transport, fd int) *Conn {
	c := &Conn{t: t, loop: l, fd: int32(fd), state: a.state}
	c.setKnown(a.known)
	return c
}

// known is what is known of a connection beside its socket. It goes with it.
type known struct {
	addr net.Addr  // what SetRemoteAddr has set, or nil
	home *Listener // see Conn.Home
}

// introduced is a transport of which more is known.
type introduced struct {
	Transport
	known
}

// RemoteAddr is the address of whom the peer speaks for, if that is somebody else.
func (t *introduced) RemoteAddr() net.Addr {
	if t.addr != nil {
		return t.addr
	}
	return t.Transport.RemoteAddr()
}

// SetRemoteAddr replaces what RemoteAddr returns, for a peer that is a proxy and has told its client's address. It holds for
// the connection's whole life, also beyond MoveTo, HandOver and Take. nil brings the peer's own address back.
func (c *Conn) SetRemoteAddr(a net.Addr) { c.setKnown(known{a, c.known().home}) }

// Home is the listener that was given to Take with the connection: what is not the engine's business should be handed over to
// it. The connection has left the engine then, and has no place in its cap. nil if it was accepted by this engine.
func (c *Conn) Home() *Listener { return c.known().home }

// known is what is known of the connection.
func (c *Conn) known() known {
	if t, ok := c.t.(*introduced); ok {
		return t.known
	}
	return known{}
}

// setKnown replaces what is known of the connection.
func (c *Conn) setKnown(k known) {
	c.t = socketOf(c.t)
	if k.addr != nil || k.home != nil {
		c.t = &introduced{c.t, k}
	}
}

// socketOf is the transport beneath what is known of it.
func socketOf(t Transport) Transport {
	if i, ok := t.(*introduced); ok {
		return i.Transport
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
