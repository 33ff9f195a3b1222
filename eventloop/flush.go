package eventloop

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// flushConn writes what is queued on c: one write as a rule. What the kernel does not take stays queued, and the
// connection is blocked until gnet's buffer has drained.
func (l *Loop) flushConn(c *Conn) {
	c.state &^= dirty
	if c.is(blocked | ending | closed) {
		return
	}
	l.inside++ // a failing write must not run anybody's OnClose in here
	defer func() { l.inside-- }()
	if c.queued > 0 {
		l.counts.flushes++
	}
	for c.queued > 0 {
		chunk := c.chunk(gatherBytesMax)
		n, err := l.send(c, chunk)
		l.counts.wrote(n)
		if err != 0 && !retryable(err) {
			c.Abort(err)
			return
		}
		c.consume(n)
		if n < len(chunk) {
			l.block(c)
			return
		}
	}
	c.state &^= scratchUsed
	if c.is(closing) {
		l.shutWrite(c)
	}
}

// retryable reports whether a failed send only means "not now".
func retryable(err syscall.Errno) bool {
	return err == syscall.EAGAIN || err == syscall.EINTR || err == syscall.ENOBUFS
}

// block hands the head of c's queue to gnet, which sends it when the peer reads again, and keeps the rest.
func (l *Loop) block(c *Conn) {
	if !c.is(blocked) {
		c.state |= blocked
		l.blocked = append(l.blocked, c)
		l.slow.Store(true)
	}
	chunk := c.chunk(handedBytesMax)
	if len(chunk) > handedBytesMax {
		chunk = chunk[:handedBytesMax]
	}
	c.consume(len(chunk))
	l.counts.bytesOut += uint64(len(chunk))
	if _, err := c.t.Write(chunk); err != nil {
		c.Abort(err)
		return
	}
	c.own()
}

// pollBlocked looks at the connections whose peer does not keep up: those that have drained get their next piece, and
// when the process holds too much the worst are cut.
func (l *Loop) pollBlocked() {
	total := 0
	for _, c := range take(&l.blocked) {
		if c.is(closed | ending) {
			continue
		}
		if c.t.OutboundBuffered() == 0 {
			c.state &^= blocked
			l.flushConn(c) // lists it again if it blocks again
		} else {
			l.blocked = append(l.blocked, c)
		}
		if c.is(blocked) {
			total += c.Pending()
		}
	}
	l.shared.backlog.Add(int64(total - l.backlog))
	l.backlog = total
	l.slow.Store(len(l.blocked) > 0)
	l.shed()
}

// shed cuts the connections with the longest backlog until this loop's share of the excess is gone.
func (l *Loop) shed() {
	all := l.shared.backlog.Load()
	limit := int64(l.limits.OutboundBytesMax)
	if all <= limit || l.backlog == 0 {
		return
	}
	excess := int64(float64(all-limit) * float64(l.backlog) / float64(all))
	for _, c := range l.slowest() {
		if excess <= 0 {
			return
		}
		excess -= int64(c.Pending())
		c.Abort(ErrShed)
	}
}

// pollLingering cuts the closing connections whose time is up. One whose peer takes what is pending has its time anew.
func (l *Loop) pollLingering() {
	for _, c := range take(&l.lingering) {
		if n := c.Pending(); n < c.end.pending {
			c.end.pending = n
			if n > 0 {
				c.end.by = max(c.end.by, min(c.end.last, l.now+l.limits.LingerMax))
			}
		}
		switch {
		case c.is(closed):
		case c.is(dirty): // it waits for us, and not for its peer
			c.end.by = max(c.end.by, l.now+l.limits.LingerMax)
			l.lingering = append(l.lingering, c)
		case l.now >= c.end.by:
			c.Abort(c.end.cause)
		default:
			l.lingering = append(l.lingering, c)
		}
	}
}

// shutWrite closes our half of a connection that has sent everything, or all of it.
func (l *Loop) shutWrite(c *Conn) {
	if c.is(shut|closed) || c.t.OutboundBuffered() > 0 {
		return
	}
	if c.is(brief) {
		c.Abort(c.end.cause)
		return
	}
	c.state |= shut
	c.end.by = min(c.end.by, l.now+l.limits.LingerMax)
	if err := l.closeWrite(c); err != nil {
		c.Abort(err)
	}
}

// closeWriteOf closes our half of a socket. A peer that is gone already is no error: its end is on its way to us.
func closeWriteOf(c *Conn) error {
	err := unix.Shutdown(int(c.fd), unix.SHUT_WR)
	if err == unix.ENOTCONN {
		return nil
	}
	return os.NewSyscallError("shutdown", err)
}
