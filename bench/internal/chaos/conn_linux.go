package chaos

import (
	"bytes"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"starling/bench/internal/flood"
	"starling/bench/internal/rawio"
	"starling/wsproto"
)

// conn is one connection of an attack. It belongs to the attack's goroutine.
type conn struct {
	fd       int32
	slot     int32
	at       int // in alive
	number   int // which attempt it is
	stage    stage
	events   uint32 // what epoll is asked for
	deaf     bool   // reads nothing
	spoilt   bool   // what comes cannot be understood any more, or need not
	sending  bool   // load is not sent whole
	load     load
	sent     int64
	reader   wsproto.Reader
	head     []byte // of an answer that has begun
	bytesMax int64  // what the server says it takes in one message, 0 if it does not

	attacking bool // it has come as far as the offence
	sinceNs   int64
	input     *input
	steps     int // of what its kind does step by step
}

// connect begins one more connection. That it has failed at once is told as any other refusal.
func (a *Attack) connect() {
	c := &conn{number: a.outcome.Attempts, fd: -1, events: unix.EPOLLIN | unix.EPOLLRDHUP}
	a.outcome.Attempts++
	if a.spec.Kind == Malformed {
		c.input = &a.inputs[a.order[c.number%len(a.order)]]
	}
	c.reader = wsproto.NewReader(wsproto.Client, &readLimits)
	a.take(c)
	err := a.socket(c)
	if err == nil {
		err = unix.Connect(int(c.fd), a.to)
	}
	if err != nil && err != unix.EINPROGRESS {
		a.ended(c, label(err))
		return
	}
	if err != nil {
		c.events |= unix.EPOLLOUT
	}
	watch := unix.EpollEvent{Events: c.events, Fd: c.slot}
	if failed := unix.EpollCtl(a.epfd, unix.EPOLL_CTL_ADD, int(c.fd), &watch); failed != nil {
		a.ended(c, label(failed))
		return
	}
	if err == nil { // on loopback TCP is connected by now
		a.reached(c, wired)
	}
}

func (a *Attack) socket(c *conn) error {
	fd, err := unix.Socket(a.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.fd = int32(fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if a.plan.receiveBytes > 0 { // it has to be said before connecting, which is when the window is agreed on
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, a.plan.receiveBytes); err != nil {
			return err
		}
	}
	from := a.target.Sources.At(c.number)
	if !from.IsValid() {
		return nil
	}
	// The port is left to connect(2), which may then share it among targets.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return err
	}
	if from.Is4() {
		return unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()})
	}
	return unix.Bind(fd, &unix.SockaddrInet6{Addr: from.As16()})
}

// goal is how far a connection is to behave well.
func (a *Attack) goal(c *conn) stage {
	if c.input != nil {
		return c.input.at
	}
	return a.plan.reach
}

// reached goes on from a stage: to the next, or to the offence.
func (a *Attack) reached(c *conn, s stage) {
	if s == upgraded && a.raw {
		s = connected // it has no handshake of its own
	}
	if s == connected && len(a.target.Rooms) == 0 {
		s = joined
	}
	c.stage = s
	switch {
	case s >= a.goal(c):
		a.offend(c)
	case s == wired:
		a.send(c, load{head: a.request})
	case s == greeted:
		a.say(c, "40")
	case s == connected:
		room := a.target.Rooms[c.number%len(a.target.Rooms)]
		if a.raw {
			a.say(c, "J"+room)
		} else {
			a.say(c, `420["join",`+strconv.Quote(room)+`]`)
		}
	}
}

// offend is where the connection begins to be what its kind is.
func (a *Attack) offend(c *conn) {
	a.outcome.Opened++
	c.attacking, c.sinceNs = true, flood.Now()
	c.deaf = a.plan.deaf
	a.watch(c)
	switch {
	case c.input != nil:
		a.send(c, c.input.load)
	case a.plan.begin != nil:
		a.plan.begin(a, c)
	}
}

// ready is what epoll has told of a connection. One that is deaf hears only of the end, and then looks what the end was.
func (a *Attack) ready(c *conn, events uint32) {
	if c.stage == dialling {
		if errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || errno != 0 {
			a.ended(c, label(unix.Errno(errno)))
			return
		}
		a.reached(c, wired)
		if c.fd >= 0 {
			a.watch(c)
		}
		return
	}
	if events&unix.EPOLLOUT != 0 {
		a.flush(c)
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.deaf {
		c.deaf = false
		a.watch(c)
	}
	if events&^uint32(unix.EPOLLOUT) != 0 {
		a.read(c)
	}
}

func (a *Attack) read(c *conn) {
	n, errno := rawio.Read(c.fd, a.in[:])
	switch {
	case errno == unix.EAGAIN:
	case errno != 0:
		a.ended(c, label(errno))
	case n == 0:
		a.ended(c, "FIN")
	case c.spoilt:
	case c.stage == wired:
		a.answer(c, a.in[:n])
	default:
		a.consume(c, a.in[:n])
	}
}

// answer takes more of what the server says in HTTP: to the upgrade, or to a request that is the offence.
func (a *Attack) answer(c *conn, in []byte) {
	c.head = append(c.head, in...)
	end, err := wsproto.HeadLen(c.head)
	if err == nil && end == 0 && len(c.head) < headersMax {
		return
	}
	status := 0
	if err == nil {
		status = statusOf(c.head[:end])
	}
	switch {
	case status >= 400:
		a.ended(c, strconv.Itoa(status))
	case c.attacking && a.spec.Kind == SlowBody && c.steps == 0 && err == nil && end > 0:
		if announceBody(a, c, c.head[end:]); c.steps > 0 {
			c.head = nil
		}
	case c.attacking: // it was taken for a request, or for nothing we know; the connection's end will be told
		c.spoilt, c.head = true, nil
	case err != nil || wsproto.CheckUpgradeResponse(c.head[:end], flood.UpgradeKey) != nil:
		a.ended(c, "no upgrade")
	default:
		rest := c.head[end:]
		c.head = nil
		a.reached(c, upgraded)
		if c.fd >= 0 {
			a.consume(c, rest)
		}
	}
}

// statusOf reads the status of an HTTP answer, 0 if it has none.
func statusOf(head []byte) int {
	version, rest, _ := bytes.Cut(head, []byte(" "))
	if len(rest) < 3 || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return 0
	}
	status, _ := strconv.Atoi(string(rest[:3]))
	return status
}

// consume takes frames apart.
func (a *Attack) consume(c *conn, in []byte) {
	for len(in) > 0 && c.fd >= 0 && !c.spoilt {
		m, n, err := c.reader.Next(in)
		if err != nil {
			c.spoilt = true
			if !c.attacking {
				a.ended(c, "garbled")
			}
			return
		}
		in = in[n:]
		a.message(c, m)
	}
}

func (a *Attack) message(c *conn, m wsproto.Message) {
	answers := !c.attacking || a.plan.answers
	switch {
	case m.Op == wsproto.OpClose:
		code, _, _ := wsproto.ParseClose(m.Payload)
		if code == wsproto.CloseNone {
			code = 1005 // RFC 6455 7.1.5
		}
		a.ended(c, strconv.Itoa(int(code)))
	case m.Op == wsproto.OpPing && answers:
		a.send(c, load{head: wsproto.AppendMaskedFrame(nil, wsproto.OpPong, [4]byte{}, m.Payload)})
	case m.Op == wsproto.OpText && a.raw:
		if c.stage == connected && bytes.HasPrefix(m.Payload, []byte("J")) {
			a.reached(c, joined)
		}
	case m.Op == wsproto.OpText && string(m.Payload) == "2" && answers:
		a.say(c, "3")
	case m.Op == wsproto.OpText && !c.attacking:
		a.packet(c, m.Payload)
	}
}

// packet is what the handshakes of Engine.IO v4 and Socket.IO v5 wait for.
func (a *Attack) packet(c *conn, p []byte) {
	switch {
	case c.stage == upgraded && bytes.HasPrefix(p, []byte("0")):
		c.bytesMax = maxPayload(p)
		a.reached(c, greeted)
	case c.stage == greeted && bytes.HasPrefix(p, []byte("40")):
		a.reached(c, connected)
	case c.stage == greeted && bytes.HasPrefix(p, []byte("44")):
		a.ended(c, "connect_error")
	case c.stage == connected && bytes.HasPrefix(p, []byte("430")):
		a.reached(c, joined)
	}
}

// maxPayload is what an open packet says of the largest message, 0 if it says nothing.
func maxPayload(open []byte) (n int64) {
	_, digits, _ := bytes.Cut(open, []byte(`"maxPayload":`))
	for _, d := range digits {
		if d < '0' || d > '9' || n > 1<<40 {
			break
		}
		n = n*10 + int64(d-'0')
	}
	return n
}

// say sends a text message.
func (a *Attack) say(c *conn, payload string) {
	a.send(c, load{head: []byte(text(payload))})
}

// send begins to send. What was not sent whole before comes first: a handshake that the kernel did not take in one piece is of no
// server that one could attack, so there is only ever one load.
func (a *Attack) send(c *conn, l load) {
	if c.sending {
		return
	}
	c.load, c.sent = l, 0
	a.flush(c)
}

// flush sends what the kernel takes. A connection that is broken is left for the next read to report.
func (a *Attack) flush(c *conn) {
	for c.sent < c.load.size() {
		n, errno := rawio.Write(c.fd, c.load.after(c.sent))
		if errno == unix.EAGAIN {
			c.sending = true
			a.watch(c)
			return
		}
		if errno != 0 {
			break
		}
		c.sent += int64(n)
	}
	c.load, c.sent = load{}, 0
	if c.sending {
		c.sending = false
		a.watch(c)
	}
}

// watch asks epoll for what matters of a connection now. It cannot fail for a descriptor that is there.
func (a *Attack) watch(c *conn) {
	events := uint32(unix.EPOLLRDHUP)
	if !c.deaf {
		events |= unix.EPOLLIN
	}
	if c.sending {
		events |= unix.EPOLLOUT
	}
	if events != c.events {
		c.events = events
		_ = unix.EpollCtl(a.epfd, unix.EPOLL_CTL_MOD, int(c.fd), &unix.EpollEvent{Events: events, Fd: c.slot})
	}
}

// ended is the end of a connection that the attack has not asked for.
func (a *Attack) ended(c *conn, how string) {
	if c.attacking {
		a.outcome.Closed[how]++
		a.took.Record(flood.Now() - c.sinceNs)
	} else {
		a.outcome.Refused[how]++
	}
	a.drop(c)
}

// leave is the end of one that it has.
func (a *Attack) leave(c *conn, reset bool) {
	if reset {
		_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	a.outcome.Left++
	a.drop(c)
}

// label is a short name for what went wrong with a connection.
func label(err error) string {
	var errno unix.Errno
	switch {
	case errors.Is(err, unix.ECONNRESET):
		return "RST"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// take gives a connection its places.
func (a *Attack) take(c *conn) {
	c.at, a.alive = len(a.alive), append(a.alive, c)
	if last := len(a.free) - 1; last >= 0 {
		c.slot, a.free = a.free[last], a.free[:last]
		a.slots[c.slot] = c
		return
	}
	c.slot, a.slots = int32(len(a.slots)), append(a.slots, c)
}

// drop closes a connection and takes its places back.
func (a *Attack) drop(c *conn) {
	if c.fd >= 0 {
		unix.Close(int(c.fd))
	}
	c.fd = -1
	last := a.alive[len(a.alive)-1]
	last.at, a.alive[c.at] = c.at, last
	a.alive = a.alive[:len(a.alive)-1]
	a.slots[c.slot], a.free = nil, append(a.free, c.slot)
}
