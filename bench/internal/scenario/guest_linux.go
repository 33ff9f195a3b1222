package scenario

import (
	"bytes"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"starling/bench/internal/flood"
	"starling/bench/internal/stock"
)

// The crowd is what its clients act upon, and what the loop tells of their connections.
var (
	_ stock.World     = (*crowd)(nil)
	_ flood.Requester = (*crowd)(nil)
)

// Ask is part of stock.World.
func (c *crowd) Ask(client *stock.Client, l stock.Link, body []byte) {
	i := int(client.Number())
	g := &c.guests[i]
	c.out = c.requests.Append(c.out[:0], l, client.SID(), stock.Stamp(flood.Now()), body)
	from := c.sources.At(c.share.First + i)
	conn, err := (*flood.Conn)(nil), error(nil)
	if l == stock.Socket {
		conn, err = c.loop.DialWith(c.out, from, uint32(i), c)
	} else {
		conn, err = c.loop.Request(c.out, from, uint32(i), c)
	}
	if err != nil {
		c.arrive(g, arrival{kind: ended, link: l, cause: causeOf(err)})
		return
	}
	c.account.requests++
	g.conns[l] = conn
}

// Send is part of stock.World.
func (c *crowd) Send(client *stock.Client, packet []byte) {
	if conn := c.guests[client.Number()].conns[stock.Socket]; conn != nil {
		c.loop.Send(conn, packet)
	}
}

// Leave is part of stock.World. Requests in flight keep their connections, of which nobody hears any more.
func (c *crowd) Leave(client *stock.Client) {
	g := &c.guests[client.Number()]
	if conn := g.conns[stock.Socket]; conn != nil {
		c.loop.Close(conn)
	}
	g.conns = [stock.Links]*flood.Conn{}
	g.session++
}

// Wake is part of stock.World.
func (c *crowd) Wake(client *stock.Client, after time.Duration) {
	g := &c.guests[client.Number()]
	if g.due = 0; after > 0 {
		g.due = flood.Now() + int64(after)
		c.alarms.push(alarm{g.due, int32(client.Number())})
	}
}

// Tell is part of stock.World.
func (c *crowd) Tell(client *stock.Client, n stock.News) {
	g := &c.guests[client.Number()]
	switch n.Kind {
	case stock.Asking:
		g.attemptNs = flood.Now()
		if g.firstNs == 0 {
			g.firstNs = g.attemptNs
		}
	case stock.Back:
		c.cameBack(g)
	case stock.Missed:
		c.count(g, n)
	case stock.Lost:
		c.lost(g, n)
	case stock.Fault:
		c.count(g, n)
	case stock.Ended:
		c.count(g, n)
		g.state = unwanted
		c.settle(g, true)
	case stock.Proven:
		c.account.proven++
		c.movedNs = flood.Now()
		c.settle(g, c.phase == opProve)
	}
}

func (c *crowd) cameBack(g *guest) {
	g.state, g.backNs, g.about = returned, flood.Now(), ""
	c.movedNs = g.backNs
	if c.phase == opConnect || c.phase == opStorm && g.cut {
		c.settle(g, true)
	}
}

// lost takes the first loss of an armed crowd's guest for the cut, and any other for an error.
func (c *crowd) lost(g *guest, n stock.News) {
	if c.armed && !g.cut {
		g.cut, g.lostNs = true, flood.Now()
	} else {
		c.count(g, n)
	}
	g.state, g.backNs = away, 0
	c.settle(g, c.phase == opProve) // whose echo will not come
}

func (c *crowd) count(g *guest, n stock.News) {
	g.about = n.About
	if n.Refused {
		c.account.retries[n.About]++
	} else {
		c.account.errors[n.About]++
	}
}

// arrive sends something on its way to a guest.
func (c *crowd) arrive(g *guest, a arrival) {
	a.guest, a.session, a.due = int32(g.client.Number()), g.session, flood.Now()+int64(c.cfg.RTT)
	if a.link == stock.Socket {
		c.frames.push(a)
		return
	}
	a.due += int64(answerDelay)
	c.answers.push(a)
}

// release finds out which of its guest's connections has ended, and sends that on its way, unless the guest has left it.
func (c *crowd) release(conn *flood.Conn, a arrival) {
	g := &c.guests[conn.Number()]
	for l, own := range g.conns {
		if own == conn {
			g.conns[l] = nil
			a.link = stock.Link(l)
			c.arrive(g, a)
		}
	}
}

// Opened is part of flood.Handler.
func (c *crowd) Opened(conn *flood.Conn) {
	if g := &c.guests[conn.Number()]; g.conns[stock.Socket] == conn {
		c.arrive(g, arrival{kind: upgraded, link: stock.Socket})
	}
}

// Message is part of flood.Handler.
func (c *crowd) Message(conn *flood.Conn, m []byte) {
	if g := &c.guests[conn.Number()]; g.conns[stock.Socket] == conn {
		c.arrive(g, arrival{kind: framed, link: stock.Socket, body: bytes.Clone(m)})
	}
}

// Answered is part of flood.Requester.
func (c *crowd) Answered(conn *flood.Conn, status int, body []byte) {
	c.release(conn, arrival{kind: answered, status: status, body: bytes.Clone(body)})
}

// Closed is part of flood.Handler.
func (c *crowd) Closed(conn *flood.Conn, cause error) {
	if errors.Is(cause, unix.ECONNREFUSED) {
		c.account.requests-- // it never left
	}
	c.release(conn, arrival{kind: ended, cause: causeOf(cause)})
}

// causeOf names a cause, and tells a server that is not there, or is full, from one that is wrong.
func causeOf(err error) stock.Cause {
	var status flood.StatusError
	if errors.As(err, &status) {
		return stock.StatusCause(int(status))
	}
	return stock.Cause{Text: flood.Label(err), Refused: errors.Is(err, unix.ECONNREFUSED)}
}
