package hub

import (
	"bufio"
	"bytes"
	"net/http"
	"sync/atomic"
	"time"

	"starling/hub/internal/session"
	"starling/wsproto/socketio"
)

// client is the Socket.IO side of one session: the sockets of one connection, one for each namespace. It is the session's
// Upper and belongs to its loop.
type client struct {
	session.Session
	shard   *shard
	decoder socketio.Decoder
	first   seat                   // the first namespace, which for most clients is the only one
	more    []seat                 // the others
	origin  atomic.Pointer[origin] // nil once it is forgotten; any goroutine
}

// seat is a namespace that the client is connected to, was, or wants to be.
type seat struct {
	nsp    *Namespace
	socket *Socket // nil once it has left, or was refused
	left   bool    // it has left: packets that were under way then are no offence
	paid   uint32  // in seconds of the loop's clock: when all CONNECTs that came again are paid for, at one a second
}

var _ session.Upper = (*client)(nil)

// Base is part of session.Upper.
func (c *client) Base() *session.Session { return &c.Session }

// seat returns the client's seat in a namespace, nil if it never had one.
func (c *client) seat(name []byte) *seat {
	if c.first.nsp != nil && string(name) == c.first.nsp.name {
		return &c.first
	}
	for i := range c.more {
		if string(name) == c.more[i].nsp.name {
			return &c.more[i]
		}
	}
	return nil
}

// seats is how many seats the client has had, that of namespaces which there are not aside.
func (c *client) seats() int {
	n := len(c.more)
	if c.first.nsp != nil {
		n++
	}
	if c.seat(nil) != nil {
		n--
	}
	return n
}

// newSeat returns a seat to fill.
func (c *client) newSeat() *seat {
	if c.first.nsp == nil {
		return &c.first
	}
	c.more = append(c.more, seat{})
	return &c.more[len(c.more)-1]
}

// sockets calls visit for each socket of the client.
func (c *client) sockets(visit func(*Socket)) {
	if s := c.first.socket; s != nil {
		visit(s)
	}
	for i := range c.more {
		if s := c.more[i].socket; s != nil {
			visit(s)
		}
	}
}

// OnText is part of session.Upper: it takes a packet, or the head of one whose attachments follow.
func (c *client) OnText(text []byte) {
	if c.parser() != nil {
		c.parse(text, false)
		return
	}
	p, ready, err := c.decoder.Add(text)
	switch {
	case err != nil:
		c.offence(err)
	case ready:
		c.packet(p)
	case !c.knows(p): // refused before anything is collected for it (CVE-2026-48804)
		c.offence(errNotConnected)
	default:
		c.SetDeadline(AttachmentsTime)
	}
}

// OnBinary is part of session.Upper: it takes an attachment, or a packet of another format.
func (c *client) OnBinary(b []byte) {
	if c.parser() != nil {
		c.parse(b, true)
		return
	}
	p, ready, err := c.decoder.AddBinary(b)
	switch {
	case err != nil:
		c.offence(err)
	case ready:
		c.SetDeadline(0)
		c.packet(p)
	}
}

// OnDeadline is part of session.Upper: the client has not connected to a namespace in time, or its attachments did not
// come.
func (c *client) OnDeadline() { c.Close(session.ForcedClose) }

// offence ends the connection of a client that breaks the protocol, as the reference server does.
func (c *client) offence(err error) {
	c.shard.server.opts.Logger.Debug("protocol error", "error", err)
	c.Close(session.ForcedClose)
}

// packet takes a whole packet. One for a namespace that the client has left was under way when it left, and is ignored;
// one for a namespace that it was never in is an offence.
func (c *client) packet(p socketio.Packet) {
	if p.Type == socketio.Connect {
		c.connect(p)
		return
	}
	st := c.seat(p.Namespace)
	if !st.known() {
		c.offence(errNotConnected)
		return
	}
	s := st.socket
	if s == nil {
		return
	}
	switch p.Type {
	case socketio.Event, socketio.BinaryEvent:
		c.shard.counts.events++
		s.dispatch(p)
	case socketio.Ack, socketio.BinaryAck:
		s.acknowledged(p)
	case socketio.Disconnect:
		c.leave(s, session.ClientNamespaceDisconnect)
	default: // CONNECT_ERROR is the server's to send
		c.offence(errServersPacket)
	}
}

// knows reports whether the client may send a packet to this namespace.
func (c *client) knows(p socketio.Packet) bool { return c.seat(p.Namespace).known() }

// known reports whether the client is connected to the seat's namespace, or was.
func (st *seat) known() bool {
	switch {
	case st == nil:
		return false
	case st.socket == nil:
		return st.left
	}
	return st.socket.state == connected
}

// OnClose is part of session.Upper.
func (c *client) OnClose(reason session.Reason) {
	c.sockets(func(s *Socket) { c.leave(s, reason) })
}

// leave ends a socket of this client, whatever the reason.
func (c *client) leave(s *Socket, reason session.Reason) {
	if s.state == disconnected {
		return
	}
	was := s.state
	s.become(disconnected)
	if st := c.seat([]byte(s.nsp.name)); st != nil && st.socket == s {
		st.socket, st.left = nil, was == connected
	}
	delete(c.shard.early, s)
	s.dropAcks()
	s.save(reason)
	if was == connected { // else nobody has heard of it
		c.depart(s, reason)
	}
	s.nsp.release()
}

// depart takes a socket out of its rooms, and tells the application.
func (c *client) depart(s *Socket, reason session.Reason) {
	hs := s.nsp.handlers.Load()
	var rooms []string
	if hs.disconnecting != nil {
		rooms = s.roomNames()
	}
	c.shard.space(s.nsp).index.Remove(s, s.id)
	s.nsp.sockets.Add(-1)
	c.shard.counts.sockets--
	if s.kept != nil {
		s.nsp.present.remove(s)
	}
	if hs.disconnecting != nil {
		s.enqueue(job{run: func() { hs.disconnecting(s, reasonOf(reason), rooms) }})
	}
	if hs.disconnect != nil {
		s.enqueue(job{run: func() { hs.disconnect(s, reasonOf(reason)) }})
	}
}

// disconnect is Socket.Disconnect on the loop.
func (c *client) disconnect(s *Socket, closeConnection bool) {
	if s.state == disconnected {
		return
	}
	tell := func(s *Socket) {
		if s.state == connected {
			c.sendDisconnect(s.nsp.name)
		} else { // the client still waits to hear whether it is in
			c.refuse(s.nsp.name, errSentAway)
		}
		c.leave(s, session.ServerNamespaceDisconnect)
	}
	if !closeConnection {
		tell(s)
		return
	}
	c.sockets(tell)
	c.Close(session.ForcedClose)
}

// origin is what the client's request said.
type origin struct {
	head    []byte
	address string
	time    time.Time
}

// remember keeps what the request said, in memory of its own.
func (c *client) remember(req session.Request) {
	o := &origin{head: bytes.Clone(req.Head), time: time.Now()}
	if addr := req.Conn.RemoteAddr(); addr != nil {
		o.address = addr.String()
	}
	c.origin.Store(o)
}

// handshake parses what a request said.
func (s *Server) handshake(o *origin) Handshake {
	if o == nil {
		return Handshake{}
	}
	h := Handshake{Time: o.time, Address: o.address}
	if req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(o.head))); err == nil {
		h.URL, h.Host, h.Header = req.RequestURI, req.Host, req.Header
		h.Address = s.front.proxies.ClientAddr(h.Address, req.Header["X-Forwarded-For"])
	}
	return h
}
