package eventloop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrBusy is why a connection cannot be handed over or moved: something is queued on it, or it is closing.
var ErrBusy = errors.New("eventloop: connection has pending output or is closing")

// Listener is a net.Listener whose connections come from loops: each was accepted and perhaps partly read by a loop, which
// found that it is somebody else's business, as a rule net/http's. [Loop.Take] brings such a connection back.
type Listener struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewListener returns a listener that reports addr as its address.
func NewListener(addr net.Addr) *Listener {
	return &Listener{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next connection; after Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept; connections handed over from now on are closed. It may be called often.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the address given to NewListener.
func (l *Listener) Addr() net.Addr { return l.addr }

// HandOver gives the connection to a listener, together with the bytes that were read from it already (copied; nil if
// none). The loop is done with it afterwards: its receiver hears OnClose with [ErrHandedOver]. It keeps its place in the
// engine's cap until it is closed, unless the listener is its [Conn.Home]. HandOver returns [ErrBusy], and nothing has
// changed, while output is pending.
func (c *Conn) HandOver(to *Listener, read []byte) error {
	if c.Closing() || c.Pending() > 0 {
		return ErrBusy
	}
	fd, err := c.t.Dup()
	if err != nil {
		return err
	}
	unix.CloseOnExec(fd)
	h := &handedConn{read: bytes.Clone(read), known: c.known()}
	then := func() { go to.take(fd, h) } // net.FileConn costs some 20 us, which the loop need not wait for
	if to == c.Home() {
		c.quit(ErrHandedOver, then)
		return nil
	}
	h.conns = &c.loop.shared.conns
	c.leave(ErrHandedOver, then)
	return nil
}

// take makes c a net.Conn over the descriptor, and waits until somebody accepts it.
func (l *Listener) take(fd int, c *handedConn) {
	f := os.NewFile(uintptr(fd), "handed over")
	tcp, err := net.FileConn(f)
	f.Close()
	if err != nil {
		c.giveBack()
		return
	}
	c.Conn = tcp
	select {
	case l.conns <- c:
	case <-l.closed:
		c.Close()
	}
}

// handedConn is a connection whose first bytes were read before. It hides the ways around Read that *net.TCPConn has,
// except for writing.
type handedConn struct {
	net.Conn
	read  []byte        // what Read returns first
	known known         // to its loop
	conns *atomic.Int64 // of the engine in which it holds a place; nil if it has none
	gone  atomic.Bool   // closed, or taken back by a loop
}

// RemoteAddr is the address that the connection had on its loop.
func (c *handedConn) RemoteAddr() net.Addr {
	if c.known.addr != nil {
		return c.known.addr
	}
	return c.Conn.RemoteAddr()
}

// Read returns what the loop had read, then what the socket has.
func (c *handedConn) Read(p []byte) (int, error) {
	if len(c.read) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.read)
	c.read = c.read[n:]
	return n, nil
}

// Close closes the connection and gives its place in the engine's cap back, unless a loop has both already.
func (c *handedConn) Close() error {
	if !c.gone.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer c.giveBack()
	return c.Conn.Close()
}

// giveBack gives the place in the engine's cap back.
func (c *handedConn) giveBack() {
	if c.conns != nil {
		c.conns.Add(-1)
	}
}

// CloseWrite closes the writing half, which net/http uses before it lingers.
func (c *handedConn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// ReadFrom lets net/http send files without copying them.
func (c *handedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
