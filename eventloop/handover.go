package eventloop

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrBusy is why a connection cannot be handed over: something is queued on it, or it is closing.
var ErrBusy = errors.New("eventloop: connection has pending output or is closing")

// Listener is a net.Listener whose connections come from loops: each was accepted and perhaps partly read by a loop, which
// found that it is somebody else's business, as a rule net/http's. Such a connection never comes back to a loop.
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
// none). The loop is done with it afterwards: its receiver hears OnClose with [ErrHandedOver]. It returns [ErrBusy], and
// nothing has changed, while output is pending.
func (c *Conn) HandOver(to *Listener, read []byte) error {
	if c.Closing() || c.Pending() > 0 {
		return ErrBusy
	}
	fd, err := c.t.Dup()
	if err != nil {
		return err
	}
	unix.CloseOnExec(fd)
	conns := &c.loop.shared.conns
	conns.Add(1) // the copy of the descriptor counts on, until net/http closes it
	pass := append([]byte(nil), read...)
	go to.take(fd, pass, conns) // net.FileConn costs some 20 us, which the loop need not wait for
	c.Abort(ErrHandedOver)
	return nil
}

// take makes a net.Conn of the descriptor and waits until somebody accepts it.
func (l *Listener) take(fd int, read []byte, conns *atomic.Int64) {
	f := os.NewFile(uintptr(fd), "handed over")
	tcp, err := net.FileConn(f)
	f.Close()
	if err != nil {
		conns.Add(-1)
		return
	}
	c := &handedConn{Conn: tcp, read: read, conns: conns}
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
	read  []byte // what Read returns first
	conns *atomic.Int64
	once  sync.Once
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

// Close closes the connection and gives its place in the engine's cap back.
func (c *handedConn) Close() error {
	c.once.Do(func() { c.conns.Add(-1) })
	return c.Conn.Close()
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
