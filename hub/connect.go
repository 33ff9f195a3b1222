package hub

import (
	"errors"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/wsproto/socketio"
)

// What a client may not do, for the log.
var (
	errNotConnected  = errors.New("hub: packet for a namespace that the client is not connected to")
	errServersPacket = errors.New("hub: packet that only a server sends")
	errConnectTwice  = errors.New("hub: second CONNECT to the same namespace")
	errNamespaces    = errors.New("hub: too many namespaces")
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
	if st == nil {
		n := c.shard.server.lookup(string(p.Namespace))
		if n == nil {
			c.refuse(string(p.Namespace), errInvalidNamespace)
			return
		}
		if st = c.newSeat(n); st == nil {
			c.offence(errNamespaces)
			return
		}
	}
	s := &Socket{id: c.Table().NewID().String(), nsp: st.nsp, client: c}
	if len(p.Data) > 2 { // more than {}
		s.auth = append([]byte(nil), p.Data...)
	}
	st.socket = s
	c.ask(s)
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
		c.shard.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { c.answer(s, err) }))
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
			srv.workers.panicked(s, "middleware", r)
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
	message, data := err.Error(), any(nil)
	var ce *ConnectError
	if errors.As(err, &ce) {
		message, data = ce.Message, ce.Data
	}
	buf, err := socketio.AppendConnectError(c.Begin(), nsp, message, data)
	if err != nil {
		c.shard.server.opts.Logger.Error("encoding the data of a ConnectError", "namespace", nsp, "error", err)
		buf, _ = socketio.AppendConnectError(c.Begin(), nsp, message, nil)
	}
	c.Finish(buf)
}

// accept makes a socket connected: it can be reached from here on, and the client is told its id.
func (c *client) accept(s *Socket) {
	s.state = connected
	x := c.shard.space(s.nsp).index
	x.Add(s, s.id)
	c.Finish(socketio.AppendConnect(c.Begin(), s.nsp.name, s.id, ""))
	if c.decoder.Waiting() == 0 { // else the deadline is that of the attachments
		c.SetDeadline(0)
	}
	for _, change := range c.shard.early[s] {
		change(x)
	}
	delete(c.shard.early, s)
	handle := s.nsp.handlers.Load().connect
	if handle == nil {
		c.forget()
		return
	}
	s.held++
	s.enqueue(job{run: func() {
		defer c.shard.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { s.held-- }))
		defer c.forget()
		handle(s)
	}})
}

// forget drops what the request said, if that is wanted.
func (c *client) forget() {
	if c.shard.server.opts.ForgetHandshake {
		c.origin.Store(nil)
	}
}
