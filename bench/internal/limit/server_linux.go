// Package limit is the physical limit that a server is compared with: one thread, raw epoll, one write for each delivery, and no
// protocol beyond the WebSocket upgrade and the frame. It is no server to put anywhere: it trusts its peer, checks little, and
// exists to say what the kernel alone costs.
//
// The first byte of a message decides what is done with it:
//
//	E…          comes back to the sender
//	P…          goes to every connection that has sent neither P nor J nor R; the sender is from then on a publisher
//	J<room>…    makes the sender a member of that room and comes back to it; <room> is 8 hexadecimal digits
//	R<room>…    goes to the members of that room; the sender is from then on a publisher
package limit

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"starling/bench/internal/rawio"
)

// Server is one listening socket and its connections. All its state belongs to the goroutine in Run, except for Stop.
type Server struct {
	addr     netip.AddrPort
	epfd     int
	listener int32
	wake     int32 // an eventfd: readable once Stop was called

	conns   []conn           // by descriptor: descriptors are small and dense, and this is all a connection costs here
	rooms   [][]int32        // descriptors of the members; rooms[0] is everyone who neither published nor joined
	partial map[int32][]byte // input that ends within a request or a frame
	unsent  map[int32][]byte // output that the kernel did not take yet
	full    bool             // no descriptor was left for the last accept
	failed  []int32          // connections whose write failed, to be closed when no list is being walked
	in      []byte
}

type conn struct {
	room  int32 // index into rooms, noRoom for a publisher
	place int32 // index into that room's list
	state connState
}

type connState uint8

const (
	free connState = iota
	upgrading
	open
)

const noRoom = -1

// The sizes of the server.
const (
	eventsMax       = 1024
	inputBytesMax   = 64 << 10
	requestBytesMax = 8 << 10
	frameBytesMax   = 1 << 20
	roomsMax        = 1 << 20
	acceptsMax      = 64 // accepted at one go before the other connections get their turn
)

// ErrAddress means that the address to listen on is not an IP address and a port.
var ErrAddress = errors.New("limit: want an address as 127.0.0.1:0")

// Listen opens the listening socket. The caller then calls Run once.
func Listen(address string) (*Server, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	s := &Server{
		partial: make(map[int32][]byte),
		unsent:  make(map[int32][]byte),
		rooms:   make([][]int32, 1),
		in:      make([]byte, inputBytesMax),
	}
	// The Go runtime opens its own poller at the first timer, and aborts if there is no descriptor left then.
	time.AfterFunc(time.Hour, func() {}).Stop()
	if err := s.open(at); err != nil {
		return nil, fmt.Errorf("limit: listen on %s: %w", address, err)
	}
	return s, nil
}

func (s *Server) open(at netip.AddrPort) error {
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: at.Addr().As16(), Port: int(at.Port())})
	if at.Addr().Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s.listener = int32(fd)
	// Accepted sockets inherit TCP_NODELAY from the listener, so it costs no call a connection.
	for _, err := range []error{
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Bind(fd, to),
		unix.Listen(fd, 1<<15),
	} {
		if err != nil {
			return err
		}
	}
	if s.addr, err = localAddr(fd); err != nil {
		return err
	}
	return s.openPoll()
}

func (s *Server) openPoll() (err error) {
	if s.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return err
	}
	s.wake = int32(wake)
	if err := s.watch(s.listener, unix.EPOLL_CTL_ADD, unix.EPOLLIN); err != nil {
		return err
	}
	return s.watch(s.wake, unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}

func localAddr(fd int) (netip.AddrPort, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), nil
	}
	return netip.AddrPort{}, net.UnknownNetworkError("not IP")
}

func (s *Server) watch(fd int32, op int, events uint32) error {
	return unix.EpollCtl(s.epfd, op, int(fd), &unix.EpollEvent{Events: events, Fd: fd})
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Stop makes Run return. It may be called from any goroutine, once Listen has returned and before Run has.
func (s *Server) Stop() { rawio.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// Run serves until Stop, then closes every descriptor.
func (s *Server) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer s.closeAll()
	events := make([]unix.EpollEvent, eventsMax)
	for {
		n, err := rawio.Wait(s.epfd, events, -1)
		if err != nil {
			return fmt.Errorf("limit: epoll_wait: %w", err)
		}
		for i := range events[:n] {
			switch fd := events[i].Fd; fd {
			case s.wake:
				return nil
			case s.listener:
				s.accept()
			default:
				s.ready(fd, events[i].Events)
			}
		}
		s.closeFailed()
	}
}

func (s *Server) accept() {
	for range acceptsMax {
		fd, _, err := unix.Accept4(int(s.listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EMFILE || err == unix.ENFILE {
			s.setAccepting(false)
			return
		}
		if err != nil {
			return // nothing left, or a connection that ended while it waited
		}
		if s.watch(int32(fd), unix.EPOLL_CTL_ADD, unix.EPOLLIN) != nil {
			unix.Close(fd)
			continue
		}
		for len(s.conns) <= fd {
			s.conns = append(s.conns, conn{})
		}
		s.conns[fd] = conn{room: noRoom, state: upgrading}
	}
}

// setAccepting stops or resumes looking at the listener: without a free descriptor it would only be seen readable for ever.
func (s *Server) setAccepting(on bool) {
	events := uint32(0)
	if on {
		events = unix.EPOLLIN
	}
	_ = s.watch(s.listener, unix.EPOLL_CTL_MOD, events)
	s.full = !on
}

func (s *Server) ready(fd int32, events uint32) {
	if s.conns[fd].state == free {
		return // closed earlier in this batch
	}
	if events&unix.EPOLLOUT != 0 {
		s.flush(fd)
	}
	if events&^uint32(unix.EPOLLOUT) == 0 {
		return
	}
	n, errno := rawio.Read(fd, s.in)
	switch {
	case errno == unix.EAGAIN:
	case errno != 0 || n == 0:
		s.close(fd)
	default:
		s.consume(fd, s.in[:n])
	}
}

// consume handles what was read, joined to what was left over before, and keeps what is left over now.
func (s *Server) consume(fd int32, in []byte) {
	before, isPartial := s.partial[fd]
	if isPartial {
		in = append(before, in...)
	}
	used := 0
	for used < len(in) && s.conns[fd].state != free {
		n := s.step(fd, in[used:])
		if n == 0 {
			break
		}
		used += n
	}
	if s.conns[fd].state == free {
		return
	}
	switch {
	case used < len(in):
		s.partial[fd] = append([]byte(nil), in[used:]...)
	case isPartial:
		delete(s.partial, fd)
	}
}

// step handles one request or frame at the head of in and says how long it was, 0 if it is not complete.
func (s *Server) step(fd int32, in []byte) int {
	if s.conns[fd].state == upgrading {
		return s.upgrade(fd, in)
	}
	return s.frame(fd, in)
}

func (s *Server) closeFailed() {
	for len(s.failed) > 0 {
		last := len(s.failed) - 1
		fd := s.failed[last]
		s.failed = s.failed[:last]
		if s.conns[fd].state != free {
			s.close(fd)
		}
	}
}

func (s *Server) close(fd int32) {
	s.leave(fd)
	s.conns[fd] = conn{}
	delete(s.partial, fd)
	delete(s.unsent, fd)
	// The number may be given to a new connection before closeFailed comes to it.
	s.failed = slices.DeleteFunc(s.failed, func(f int32) bool { return f == fd })
	unix.Close(int(fd))
	if s.full {
		s.setAccepting(true)
	}
}

func (s *Server) closeAll() {
	for fd := range s.conns {
		if s.conns[fd].state != free {
			s.close(int32(fd))
		}
	}
	unix.Close(int(s.listener))
	unix.Close(int(s.wake))
	unix.Close(s.epfd)
}
