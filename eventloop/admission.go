package eventloop

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// raiseFileLimit raises RLIMIT_NOFILE to the hard limit and returns what is in force.
func raiseFileLimit() (files int, err error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if lim.Cur < lim.Max {
		raised := unix.Rlimit{Cur: lim.Max, Max: lim.Max}
		// Some systems name a hard limit that they do not grant; then the soft one stays.
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			lim = raised
		}
	}
	return int(min(uint64(lim.Cur), math.MaxInt32)), nil
}

// connectionsThatFit divides the open files between admitted connections and a reserve for everything else: listeners,
// files, handed-over copies, and connections that are only told that there is no room. When it runs out nobody is accepted
// and nobody can be told why, so it should not.
func connectionsThatFit(files int) (connections, reserve int) {
	reserve = min(max(filesReserveMin, files/filesReserveShare), files/2)
	return files - reserve, reserve
}

// ErrFull is why a connection is not taken in: there are as many as there may be.
var ErrFull = errors.New("eventloop: too many connections")

// verdicts of admit.
type admission uint8

const (
	admitted   admission = iota
	turnedAway           // over the cap: may hear why
	cutOff               // over the cap, and too many are hearing why already
)

// tooLate reports whether the engine shuts down, and counts who comes all the same.
func (e *Engine) tooLate() bool {
	late := e.draining.Load()
	if late {
		e.shared.late.Add(1)
	}
	return late
}

// reserve gives a connection its place in the cap, if there is one: else the error is ErrFull, or ErrShutdown.
func (e *Engine) reserve() error {
	if e.tooLate() {
		return ErrShutdown
	}
	if e.shared.conns.Add(1) > int64(e.cfg.ConnectionsMax) {
		e.shared.conns.Add(-1)
		e.shared.full.Add(1)
		return ErrFull
	}
	return nil
}

// admit decides on a new connection and counts it.
func (e *Engine) admit() admission {
	if e.reserve() == nil {
		return admitted
	}
	if e.shared.refusals.Add(1) <= e.refusalsMax {
		return turnedAway
	}
	e.shared.refusals.Add(-1)
	return cutOff
}

// refusal is the receiver of a connection beyond the cap. It waits for the first bytes before it answers: closing with
// unread input would make the kernel send a reset that can overtake the answer.
type refusal struct{ text []byte }

func (r refusal) OnData(c *Conn, _ []byte) {
	c.end = nil // the deadline of expectRequest is replaced by Close's
	c.QueueShared(r.text)
	c.Close(errRefused)
}

func (refusal) OnClose(*Conn, error) {}

// expectRequest gives a refused connection a moment to say something.
func (l *Loop) expectRequest(c *Conn) {
	l.counts.came()
	c.end = &end{cause: errRefused, by: l.now + l.limits.LingerMax}
	l.lingering = append(l.lingering, c)
}

// reservation claims an address: bound, but not listening, so it takes no connection.
type reservation struct {
	addr *net.TCPAddr
	once sync.Once
	fd   int
}

// claim resolves addr and reserves it. All loops listen with SO_REUSEPORT, which alone would let a second server start on
// the same address in silence and take half of the connections; so unless sharing is wanted, it is checked first that
// nobody listens there. A port of 0 becomes a real one, the same for all loops.
func claim(addr string, share bool) (*reservation, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("eventloop: %w", err)
	}
	if tcp.Port != 0 && !share {
		fd, err := bind(tcp, unix.SO_REUSEADDR) // refused while somebody listens; to listen would take connections and lose them
		if err != nil {
			return nil, err
		}
		unix.Close(fd)
	}
	r := &reservation{addr: tcp, fd: -1}
	if tcp.Port == 0 {
		err = r.pickPort()
	}
	return r, err
}

// pickPort binds a socket to a free port and keeps it bound until the loops listen there.
func (r *reservation) pickPort() error {
	fd, err := bind(r.addr, unix.SO_REUSEADDR, unix.SO_REUSEPORT)
	if err != nil {
		return err
	}
	r.fd = fd
	got, err := unix.Getsockname(fd)
	if err != nil {
		r.release()
		return os.NewSyscallError("getsockname", err)
	}
	r.addr = &net.TCPAddr{IP: r.addr.IP, Port: portOf(got), Zone: r.addr.Zone}
	return nil
}

// bind returns a socket with the options that is bound to addr and does not listen.
func bind(addr *net.TCPAddr, options ...int) (fd int, err error) {
	family, sa := sockaddr(addr)
	fd, err = unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == unix.EAFNOSUPPORT && addr.IP == nil { // a machine without IPv6
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: addr.Port}
		fd, err = unix.Socket(family, unix.SOCK_STREAM, 0)
	}
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	for _, opt := range options {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 1); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("eventloop: listen on %v: %w", addr, os.NewSyscallError("bind", err))
	}
	return fd, nil
}

// release gives the reservation up. It may be called often.
func (r *reservation) release() {
	r.once.Do(func() {
		if r.fd >= 0 {
			unix.Close(r.fd)
		}
	})
}

func sockaddr(a *net.TCPAddr) (family int, sa unix.Sockaddr) {
	if ip := a.IP.To4(); ip != nil {
		return unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}
	}
	sa6 := &unix.SockaddrInet6{Port: a.Port}
	copy(sa6.Addr[:], a.IP.To16())
	return unix.AF_INET6, sa6
}

func portOf(sa unix.Sockaddr) int {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port
	case *unix.SockaddrInet6:
		return sa.Port
	}
	return 0
}
