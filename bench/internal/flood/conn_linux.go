package flood

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"starling/bench/internal/rawio"
	"starling/wsproto"
)

// Handler is told what happens to the connections that were dialed for it. The loop calls it on its own goroutine.
type Handler interface {
	// Opened is called once the connection's handshake is complete.
	Opened(c *Conn)
	// Message is called for each Socket.IO event and ack, for each reply of Centrifuge, for each message of a raw connection, or for
	// each line of the replies to HTTP requests. The bytes are the loop's and valid until Message returns. The handler may send and close.
	Message(c *Conn, m []byte)
	// Closed is called when the connection ended without the handler's asking; it must not be used any more.
	Closed(c *Conn, cause error)
}

// Greeter is a Handler that wants to know what a Socket.IO server greeted it with.
type Greeter interface {
	Handler
	// Greeted is called just before Opened with the payload of the server's CONNECT packet: {"sid":"…"}. It is the loop's and valid
	// until Opened returns. The handler may send and close; if it closes, Opened does not follow.
	Greeted(c *Conn, connect []byte)
}

// Conn is one connection. It belongs to its loop and is valid until it is closed, by either side.
type Conn struct {
	handler Handler
	reader  wsproto.Reader
	number  uint32
	fd      int32
	slot    int32
	state   state
	next    state // once TCP is connected and the request is sent
	speech  speech
	muted   bool
}

// Number is what Dial was given.
func (c *Conn) Number() uint32 { return c.number }

type state uint8

const (
	closed     state = iota
	connecting       // TCP
	upgrading        // the WebSocket request is sent
	answering        // an HTTP request is sent (see Request)
	waiting          // Engine.IO's open packet is to come, or the first reply of a Call
	joining          // Socket.IO's CONNECT is sent
	open
)

// Why a connection ended, besides the errors of the system and of wsproto.
var (
	ErrPeerClosed = errors.New("closed by the server")
	ErrRefused    = errors.New("namespace refused") // Socket.IO CONNECT_ERROR
	ErrUnexpected = errors.New("unexpected packet") // not what the handshake wants next
	ErrShortWrite = errors.New("request not taken") // by a fresh socket
)

// StatusError is an answer to the upgrade other than 101.
type StatusError int

// Error names the status.
func (e StatusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// Label is a short stable name for why a connection failed: the name of an errno, a status, or the text of one of this package's
// errors. Failures are counted by it.
func Label(cause error) string {
	var errno unix.Errno
	if errors.As(cause, &errno) {
		return unix.ErrnoName(errno)
	}
	return cause.Error()
}

// Dial begins a connection to the loop's target from a source address, or from whatever the system picks if that is the zero
// Addr. If it returns an error, the handler hears nothing of the connection; otherwise Opened or Closed follows, never from
// within Dial.
func (l *Loop) Dial(from netip.Addr, number uint32, h Handler) (*Conn, error) {
	return l.DialWith(l.target.request, l.target.Protocol, from, number, h)
}

// DialWith is Dial with another upgrade request than the target's, and a protocol of its own. The request must offer UpgradeKey; it
// is copied if it has to wait.
func (l *Loop) DialWith(request []byte, p Protocol, from netip.Addr, number uint32, h Handler) (*Conn, error) {
	return l.start(Conn{handler: h, number: number, next: upgrading, speech: speechOf(p)}, l.target.Addr, request, from)
}

func (l *Loop) start(as Conn, to netip.AddrPort, request []byte, from netip.Addr) (*Conn, error) {
	fd, err := socket(to, from)
	if err != nil {
		return nil, err
	}
	c := l.take()
	as.fd, as.slot, as.state = fd, c.slot, connecting
	as.reader = wsproto.NewReader(wsproto.Client, &readLimits)
	*c = as
	if err := l.begin(c, l.sockaddrOf(to), request); err != nil {
		l.Close(c)
		return nil, err
	}
	return c, nil
}

// socket opens one to an address, from another or from whatever the system picks.
func socket(to netip.AddrPort, from netip.Addr) (int32, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	// Without it a second small write waits for the acknowledgement of the first, and the bench would measure Nagle's algorithm.
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && from.IsValid() {
		err = bind(fd, from)
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	return int32(fd), nil
}

// bind fixes the source address and leaves the port to connect(2), which may then share a port among targets.
func bind(fd int, from netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return err
	}
	return unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0)))
}

// sockaddrOf saves the work for the target, to which nearly all go.
func (l *Loop) sockaddrOf(to netip.AddrPort) unix.Sockaddr {
	if to == l.target.Addr {
		return l.sockaddr
	}
	return sockaddr(to)
}

func sockaddr(at netip.AddrPort) unix.Sockaddr {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}
	}
	return &unix.SockaddrInet6{Addr: at.Addr().As16(), Port: int(at.Port())}
}

// begin connects. On loopback the TCP handshake is over when connect returns, so the request is tried at once: that saves an
// epoll_ctl and a turn of the loop for each connection.
func (l *Loop) begin(c *Conn, to unix.Sockaddr, request []byte) error {
	if err := unix.Connect(int(c.fd), to); err != nil && err != unix.EINPROGRESS {
		return err
	}
	events := uint32(unix.EPOLLIN)
	n, errno := rawio.Write(c.fd, request)
	switch {
	case errno == unix.EAGAIN: // it is not connected yet
		l.unsent[c.slot] = append([]byte(nil), request...)
		events |= unix.EPOLLOUT
	case errno != 0:
		return errno
	case n < len(request):
		return ErrShortWrite // a fresh socket has room for one request
	default:
		c.state = c.next
	}
	return l.watch(c, unix.EPOLL_CTL_ADD, events)
}

// HandOver makes a connection that is open, or upgraded at least, an open one of another protocol and handler, neither of which is
// told. It is for whoever has gone the way into a Socket.IO session by a Raw connection: what comes from then on is taken care of as
// if the loop had gone it.
func (l *Loop) HandOver(c *Conn, p Protocol, to Handler) {
	if c.state != closed {
		c.handler, c.speech, c.state = to, speechOf(p), open
	}
}

// Replay has a text message handled as if an open connection had just brought it: one that came before the connection was handed
// over and that nobody has taken. It does nothing once the connection is closed. The message must stay as it is until Replay returns.
func (l *Loop) Replay(c *Conn, message []byte) {
	if c.state == open {
		l.message(c, wsproto.Message{Op: wsproto.OpText, Payload: message})
	}
}

// Mute stops reading from a connection, as a client does that is too busy: what the server sends fills the kernel's buffers, and
// then the server's own. Its handler hears nothing more of it, not even its end, until Unmute; but what was read by the same call
// as the message that it is muted upon is still handed out. Sending goes on.
func (l *Loop) Mute(c *Conn) { l.setMuted(c, true) }

// Unmute reads on. What has come meanwhile is handed out in the next turn, not from within Unmute.
func (l *Loop) Unmute(c *Conn) { l.setMuted(c, false) }

func (l *Loop) setMuted(c *Conn, muted bool) {
	if c.state != closed && c.muted != muted {
		c.muted = muted
		_ = l.attend(c) // it cannot fail for a descriptor that is open and known
	}
}

// Close closes a connection. Its handler is not told.
func (l *Loop) Close(c *Conn) {
	if c.state == closed {
		return
	}
	unix.Close(int(c.fd))
	delete(l.heads, c.slot)
	delete(l.unsent, c.slot)
	delete(l.calls, c.slot)
	l.give(c)
}

// Reset closes a connection with a RST: what has not arrived is lost, and the other side learns of it as an error.
func (l *Loop) Reset(c *Conn) {
	if c.state != closed {
		_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	l.Close(c)
}

func (l *Loop) fail(c *Conn, cause error) {
	if c.state == closed {
		return
	}
	h := c.handler
	l.Close(c)
	h.Closed(c, cause)
}
