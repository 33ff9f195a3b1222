package hub

import (
	"bytes"
	"errors"
	"time"

	"starling/hub/internal/recovery"
	"starling/hub/internal/session"
	"starling/wsproto/socketio"
)

// What a client may not do, for the log.
var (
	errNotConnected  = errors.New("hub: packet for a namespace that the client is not connected to")
	errServersPacket = errors.New("hub: packet that only a server sends")
	errConnectTwice  = errors.New("hub: second CONNECT to the same namespace")
	errNamespaces    = errors.New("hub: too many namespaces")
	errConnects      = errors.New("hub: too many CONNECTs to the same namespace")
	errNowhere       = errors.New("hub: too many CONNECTs to namespaces that there are not")
)

// errInvalidNamespace is what the reference server answers to an unknown namespace; clients look for this text.
var errInvalidNamespace = &ConnectError{Message: "Invalid namespace"}

// connect takes a CONNECT packet.
func (c *client) connect(p socketio.Packet) {
	st := c.seat(p.Namespace)
	if st != nil && st.socket != nil {
		c.offence(errConnectTwice)
		return
	}
	if st != nil && !st.mayConnect(ConnectsPerNamespaceMax, c.shard.loop.Now()) {
		c.offence(errConnects)
		return
	}
	name := string(p.Namespace)
	n := c.shard.server.admit(name, p.Data)
	if n == nil {
		c.refuseUnknown(name)
		return
	}
	if st == nil {
		if c.seats() >= NamespacesPerConnMax {
			n.release()
			c.offence(errNamespaces)
			return
		}
		st = c.newSeat()
	}
	s := &Socket{nsp: n, client: c}
	if len(p.Data) > 2 { // more than {}
		auth := bytes.Clone(p.Data)
		s.auth.Store(&auth)
	}
	st.nsp, st.socket = n, s
	if !c.begin(s) {
		c.ask(s)
	}
}

// nowhere has the seat of all namespaces that there are not. No packet can name it.
var nowhere = &Namespace{}

// refuseUnknown refuses a CONNECT to a namespace that there is not, unless there were too many of these: nothing is kept of
// each, but who may be let in has to be asked each time.
func (c *client) refuseUnknown(name string) {
	st := c.seat(nil)
	if st == nil {
		c.more = append(c.more, seat{nsp: nowhere})
		st = &c.more[len(c.more)-1]
	}
	if !st.mayConnect(NamespacesPerConnMax, c.shard.loop.Now()) {
		c.offence(errNowhere)
		return
	}
	c.refuse(name, errInvalidNamespace)
}

// mayConnect counts a further CONNECT to the seat's namespace, and reports whether it may be: so many at once, and then one a
// second. Each asks the middleware, and makes a new socket, for which a bound on sockets' events begins anew.
func (st *seat) mayConnect(atOnce uint32, now time.Duration) bool {
	second := uint32(now / time.Second)
	paid := max(st.paid, second) + 1
	if paid-second > atOnce {
		return false
	}
	st.paid = paid
	return true
}

// ask asks the namespace's middleware about a socket; where there is none the socket is in.
func (c *client) ask(s *Socket) {
	h := s.nsp.handlers.Load()
	if len(h.middleware) == 0 {
		c.accept(s)
		return
	}
	s.enqueue(job{run: func() {
		err := s.nsp.server.runMiddleware(s, h.middleware)
		c.shard.loop.PostAlways(taskFunc(func() { c.answer(s, err) }))
	}})
}

// What a client hears when no middleware has refused it and it is not let in either.
var (
	errMiddleware = errors.New("internal error") // a middleware panicked
	errSentAway   = errors.New("disconnected")   // Socket.Disconnect was called before the middleware had decided
)

// runMiddleware asks one after the other until one refuses. A panic refuses too.
func (srv *Server) runMiddleware(s *Socket, middleware []func(*Socket) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			srv.workers.panicked(s.nsp.name, s, "middleware", r)
			err = errMiddleware
		}
	}()
	for _, m := range middleware {
		if err := m(s); err != nil {
			return err
		}
	}
	return nil
}

// answer does what the middleware has decided.
func (c *client) answer(s *Socket, err error) {
	switch {
	case s.state != connecting: // the client has left meanwhile
	case err != nil:
		c.leave(s, session.ServerNamespaceDisconnect)
		c.refuse(s.nsp.name, err)
	default:
		c.accept(s)
	}
}

// refuse sends a CONNECT_ERROR.
func (c *client) refuse(nsp string, err error) {
	r := refusal{Message: err.Error()}
	var ce *ConnectError
	if errors.As(err, &ce) {
		r = refusal{ce.Message, ce.Data}
	}
	if err := c.sendRefusal(nsp, r); err != nil {
		c.shard.server.opts.Logger.Error("encoding the data of a ConnectError", "namespace", nsp, "error", err)
		r.Data = nil
		_ = c.sendRefusal(nsp, r) // text alone can be encoded
	}
}

// accept makes a socket connected: it can be reached from here on, and the client is told its id.
func (c *client) accept(s *Socket) {
	if s.kept != nil && s.kept.saved != nil { // it comes back, and the middleware had to be asked
		if err := c.restore(s); err != nil {
			c.startOver(s, err)
		}
		return
	}
	sp := c.shard.space(s.nsp)
	if s.kept != nil {
		s.kept.history = recovery.NewHistory(sp.at)
	}
	c.enter(s, sp)
	c.welcome(s, sp)
}

// enter makes a socket reachable.
func (c *client) enter(s *Socket, sp *space) {
	c.Known()
	s.become(connected)
	s.nsp.sockets.Add(1)
	c.shard.counts.sockets++
	sp.index.Add(s, s.id)
	if s.kept != nil {
		s.nsp.present.add(s)
	}
}

// welcome tells the client that its socket is connected, and the application.
func (c *client) welcome(s *Socket, sp *space) {
	pid := ""
	if s.kept != nil {
		pid = s.kept.pid
	}
	c.sendConnect(s.nsp.name, s.id, pid)
	if c.decoder.Waiting() == 0 { // else the deadline is that of the attachments
		c.SetDeadline(0)
	}
	for _, change := range c.shard.early[s] {
		change(sp)
	}
	delete(c.shard.early, s)
	handle := s.nsp.handlers.Load().connect
	if handle == nil {
		c.forget(s)
		return
	}
	s.held++
	s.enqueue(job{run: func() {
		defer c.shard.loop.PostAlways(taskFunc(func() { s.held-- }))
		defer c.forget(s)
		handle(s)
	}})
}

// forget drops what the request and the CONNECT said, if that is wanted.
func (c *client) forget(s *Socket) {
	if c.shard.server.opts.ForgetHandshake {
		c.origin.Store(nil)
		s.auth.Store(nil)
	}
}
