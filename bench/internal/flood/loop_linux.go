package flood

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"starling/bench/internal/rawio"
	"starling/wsproto"
)

// The sizes of a loop.
const (
	eventsMax     = 1024
	inputBytesMax = 128 << 10
	slabConns     = 1024
)

// readLimits bound what a server may send in one message.
var readLimits = wsproto.Limits{MessageBytesMax: 64 << 20, FragmentsMax: wsproto.FragmentsMax}

// wakeSlot marks the event of the loop's own eventfd.
const wakeSlot = -1

// Loop is one epoll descriptor and its connections. Only Post and Now may be used off the goroutine that runs it.
type Loop struct {
	target   *Target
	sockaddr unix.Sockaddr
	epfd     int
	wake     int32

	slabs  [][]Conn         // connections by slot; slabs, so that a *Conn stays where it is
	free   []int32          // slots of closed connections
	freed  []int32          // slots of connections closed in this turn
	heads  map[int32][]byte // by slot: an answer to an HTTP request that has begun
	unsent map[int32][]byte // by slot: output that the kernel did not take yet
	calls  map[int32]*call  // by slot: connections for HTTP requests

	events []unix.EpollEvent
	in     []byte // one read buffer: a message is done with before the next read
	out    []byte // one frame at a time is made here
	body   []byte // of an answer that came in chunks
	mask   [4]byte
	connect,
	pong []byte // frames

	posted struct {
		sync.Mutex
		tasks []func()
	}
	running []func() // the tasks that are being run; swapped with posted.tasks

	// Tick, if set, is called after each turn, at least every 20 ms.
	Tick func()
	// Due, if set, is asked before each turn when Tick is wanted next, on the clock of Now; 0 is any time.
	Due func() int64
	// RestWhile, if set, is asked before each turn whether to rest first. A server on the same machine pays, in its own send, for
	// waking a client that sleeps until the very next message, which no server pays for a client on another machine: measured 1.7 us
	// of 7.9 us a delivery. A client that rests while much is under way anyhow finds it all at once.
	RestWhile func() bool
}

// Tick is the longest that a loop sleeps, so that whoever watches for a stall is called often enough.
const Tick = 20 * time.Millisecond

// Rest is how long a loop rests when RestWhile says so. It is what a delivery may seem later than it was.
const Rest = 100 * time.Microsecond

// NewLoop opens a loop for connections to one target. The mask is put on every frame sent (RFC 6455 5.3); it need not be secret
// here, only there, for the server's work to be the usual.
func NewLoop(target *Target, mask [4]byte) (*Loop, error) {
	l := &Loop{
		target: target, sockaddr: sockaddr(target.Addr), mask: mask,
		heads: make(map[int32][]byte), unsent: make(map[int32][]byte), calls: make(map[int32]*call),
		events: make([]unix.EpollEvent, eventsMax), in: make([]byte, inputBytesMax),
	}
	l.connect = wsproto.AppendMaskedFrame(nil, wsproto.OpText, mask, []byte("40"))
	l.pong = wsproto.AppendMaskedFrame(nil, wsproto.OpText, mask, []byte("3"))
	var err error
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("flood: epoll_create: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(l.epfd)
		return nil, fmt.Errorf("flood: eventfd: %w", err)
	}
	l.wake = int32(wake)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		return nil, fmt.Errorf("flood: epoll_ctl: %w", err)
	}
	return l, nil
}

// Post runs a function on the loop, in the order of the posts. It may be called from any goroutine until Shut.
func (l *Loop) Post(task func()) {
	l.posted.Lock()
	defer l.posted.Unlock()
	l.posted.tasks = append(l.posted.tasks, task)
	if len(l.posted.tasks) == 1 && l.wake >= 0 {
		rawio.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (l *Loop) runPosted() {
	var count [8]byte
	rawio.Read(l.wake, count[:])
	l.posted.Lock()
	l.running, l.posted.tasks = l.posted.tasks, l.running[:0]
	l.posted.Unlock()
	for i, task := range l.running {
		task()
		l.running[i] = nil
	}
}

// RunUntil turns the loop until done says so; done is asked after each turn.
func (l *Loop) RunUntil(done func() bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !done() {
		if l.RestWhile != nil && l.RestWhile() {
			rawio.Sleep(int64(Rest))
		}
		if err := l.turn(l.patience()); err != nil {
			return err
		}
		if l.Tick != nil {
			l.Tick()
		}
	}
	return nil
}

// patience is how many nanoseconds a turn may wait.
func (l *Loop) patience() int64 {
	if l.Due == nil {
		return int64(Tick)
	}
	due := l.Due()
	if due == 0 {
		return int64(Tick)
	}
	return min(max(due-Now(), 0), int64(Tick))
}

func (l *Loop) turn(timeoutNs int64) error {
	l.free, l.freed = append(l.free, l.freed...), l.freed[:0]
	n, err := rawio.Wait(l.epfd, l.events, timeoutNs)
	if err != nil {
		return fmt.Errorf("flood: epoll_wait: %w", err)
	}
	for i := range l.events[:n] {
		if slot := l.events[i].Fd; slot != wakeSlot {
			l.ready(l.at(slot), l.events[i].Events)
		} else {
			l.runPosted()
		}
	}
	return nil
}

func (l *Loop) ready(c *Conn, events uint32) {
	if events&unix.EPOLLOUT != 0 && c.state != closed {
		l.writable(c)
	}
	if events&^uint32(unix.EPOLLOUT) != 0 && c.state != closed && !c.muted {
		l.read(c)
	}
}

// writable is where a slow connect completes, or where the kernel takes what it did not take before.
func (l *Loop) writable(c *Conn) {
	err := l.flush(c)
	if err == nil && len(l.unsent[c.slot]) == 0 {
		if c.state == connecting {
			c.state = c.next
		}
		err = l.attend(c)
	}
	switch {
	case err == nil || err == unix.EAGAIN:
	case c.muted: // its next read reports it
		delete(l.unsent, c.slot)
		_ = l.attend(c)
	default:
		l.fail(c, err)
	}
}

func (l *Loop) flush(c *Conn) error {
	b := l.unsent[c.slot]
	if len(b) == 0 {
		return nil
	}
	n, errno := rawio.Write(c.fd, b)
	if errno != 0 {
		return errno
	}
	if n < len(b) {
		l.unsent[c.slot] = b[n:]
	} else {
		delete(l.unsent, c.slot)
	}
	return nil
}

func (l *Loop) read(c *Conn) {
	n, errno := rawio.Read(c.fd, l.in)
	switch {
	case errno == unix.EAGAIN:
	case errno != 0:
		l.fail(c, errno)
	case n == 0 && c.state == answering:
		l.answer(c, nil, true)
	case n == 0:
		l.hungUp(c)
	default:
		l.consume(c, l.in[:n])
	}
}

// Send sends one text message. The payload is copied.
func (l *Loop) Send(c *Conn, payload []byte) {
	l.out = wsproto.AppendMaskedFrame(l.out[:0], wsproto.OpText, l.mask, payload)
	l.write(c, l.out)
}

// write sends a frame or keeps what the kernel does not take. A broken connection is left for the next read to report, so that a
// handler is never told of its end from within a send.
func (l *Loop) write(c *Conn, frame []byte) {
	if c.state == closed {
		return
	}
	if before, waiting := l.unsent[c.slot]; waiting {
		l.unsent[c.slot] = append(before, frame...)
		return
	}
	n, errno := rawio.Write(c.fd, frame)
	if n == len(frame) || errno != 0 && errno != unix.EAGAIN {
		return
	}
	l.unsent[c.slot] = append([]byte(nil), frame[max(n, 0):]...)
	_ = l.attend(c)
}

// attend has epoll tell what the loop now wants to know of a connection. One of which it wants to know nothing is taken off: for
// epoll tells of a hang-up whatever it is asked, and would turn after turn.
func (l *Loop) attend(c *Conn) error {
	var events uint32
	if !c.muted {
		events |= unix.EPOLLIN
	}
	if len(l.unsent[c.slot]) > 0 {
		events |= unix.EPOLLOUT
	}
	op := unix.EPOLL_CTL_MOD
	if events == 0 {
		op = unix.EPOLL_CTL_DEL
	}
	err := l.watch(c, op, events)
	if err == unix.ENOENT && events != 0 { // it had been taken off
		err = l.watch(c, unix.EPOLL_CTL_ADD, events)
	}
	return err
}

func (l *Loop) watch(c *Conn, op int, events uint32) error {
	return unix.EpollCtl(l.epfd, op, int(c.fd), &unix.EpollEvent{Events: events, Fd: c.slot})
}

func (l *Loop) at(slot int32) *Conn { return &l.slabs[slot/slabConns][slot%slabConns] }

// take hands out a closed connection's place, or a new one.
func (l *Loop) take() *Conn {
	if last := len(l.free) - 1; last >= 0 {
		slot := l.free[last]
		l.free = l.free[:last]
		return l.at(slot)
	}
	first := int32(len(l.slabs) * slabConns)
	l.slabs = append(l.slabs, make([]Conn, slabConns))
	for slot := first + slabConns - 1; slot > first; slot-- {
		l.at(slot).slot = slot
		l.free = append(l.free, slot)
	}
	c := l.at(first)
	c.slot = first
	return c
}

// give takes a place back. It is handed out again only once the turn is over, lest what the turn has still in hand for the closed
// connection be taken for the next one's.
func (l *Loop) give(c *Conn) {
	c.state, c.handler = closed, nil
	l.freed = append(l.freed, c.slot)
}

// Shut closes all connections and the loop itself. Nothing may be called after it but Post, which then does nothing.
func (l *Loop) Shut() {
	for _, slab := range l.slabs {
		for i := range slab {
			l.Close(&slab[i])
		}
	}
	l.posted.Lock()
	defer l.posted.Unlock()
	unix.Close(int(l.wake))
	unix.Close(l.epfd)
	l.wake = -1
}
