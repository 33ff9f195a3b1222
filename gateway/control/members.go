package control

import (
	"context"
	"errors"
	"time"

	"starling/gateway/access"
	"starling/hub"
)

// This file is what changes where sockets are.

// matched is how many sockets of this server were meant.
type matched struct {
	Matched    int  `json:"matched" doc:"Sockets of this server that were meant."`
	Incomplete bool `json:"incomplete,omitempty" doc:"It is asked for, and not all event loops have said in time that it is done."`
}

type matchedOutput = output[matched]

type nspInput struct {
	Nsp string `query:"nsp" doc:"Namespace, unless the body has it."`
}

// postJoin is POST /v1/join.
func (a *API) postJoin(ctx context.Context, c *call, in *nspInput) (*matchedOutput, error) {
	m, err := a.changeRooms(ctx, c, c.body, in.Nsp, hub.BroadcastOperator.SocketsJoin)
	return &matchedOutput{m}, err
}

// postLeave is POST /v1/leave.
func (a *API) postLeave(ctx context.Context, c *call, in *nspInput) (*matchedOutput, error) {
	m, err := a.changeRooms(ctx, c, c.body, in.Nsp, hub.BroadcastOperator.SocketsLeave)
	return &matchedOutput{m}, err
}

// changeRooms does what a body of join or leave wants, in which op may be a field.
func (a *API) changeRooms(ctx context.Context, c *call, body []byte, query string, change func(hub.BroadcastOperator, ...string) error, op ...string) (m matched, err error) {
	var b roomsBody
	if err := b.read(body, op...); err != nil {
		return m, err
	}
	n, invalid := a.namespace(b.Nsp, query)
	if invalid != nil {
		return m, invalid
	}
	if len(b.Rooms) == 0 {
		return m, bad("target_missing", "rooms", "no room is named")
	}
	for i, room := range b.Rooms {
		if err := c.key.room(room, place("rooms", b.Rooms, i)); err != nil {
			return m, err
		}
	}
	who, err := c.key.target(ctx, n, b.In, "in", false)
	if err != nil {
		return m, err
	}
	return count(ctx, who.of(n), func(o hub.BroadcastOperator) error { return change(o, b.Rooms...) })
}

// count does something with the sockets that an operator means, and tells how many they were before.
func count(ctx context.Context, o hub.BroadcastOperator, do func(hub.BroadcastOperator) error) (matched, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	return countWithin(ctx, o, do)
}

// countWithin is count as long as ctx allows. With an error nothing was done. Otherwise it is done when countWithin returns, unless
// it is incomplete: counting again, behind it on each loop, is how it is waited for, and that this fails takes nothing back.
func countWithin(ctx context.Context, o hub.BroadcastOperator, do func(hub.BroadcastOperator) error) (m matched, err error) {
	if m.Matched, err = o.Count(ctx); err != nil {
		return matched{}, err
	}
	if err := do(o); err != nil {
		return matched{}, err
	}
	_, err = o.Count(ctx)
	m.Incomplete = err != nil
	return m, nil
}

// postDisconnect is POST /v1/disconnect.
func (a *API) postDisconnect(ctx context.Context, c *call, in *nspInput) (*matchedOutput, error) {
	m, err := a.disconnectBody(ctx, c, c.body, in.Nsp)
	return &matchedOutput{m}, err
}

// disconnectBody does what a body of disconnect wants, in which op may be a field.
func (a *API) disconnectBody(ctx context.Context, c *call, body []byte, query string, op ...string) (m matched, err error) {
	var b disconnectBody
	if err := b.read(body, op...); err != nil {
		return m, err
	}
	n, invalid := a.namespace(b.Nsp, query)
	if invalid != nil {
		return m, invalid
	}
	who, err := c.key.target(ctx, n, b.In, "in", false)
	if err != nil {
		return m, err
	}
	return a.disconnect(ctx, c, who.of(n), b.Close, b.Reason)
}

// disconnect disconnects, and says why in the log, since the protocol has no room for it.
func (a *API) disconnect(ctx context.Context, c *call, o hub.BroadcastOperator, closing bool, reason string) (matched, error) {
	m, err := count(ctx, o, func(o hub.BroadcastOperator) error { return o.DisconnectSockets(closing) })
	if err == nil {
		a.cfg.Logger.Info("sockets are disconnected by the control API", "sockets", m.Matched, "reason", reason, "key", c.key.name, "request_id", c.id)
	}
	return m, err
}

type memberInput struct {
	Room string `path:"room" doc:"Room."`
	SID  string `path:"sid" doc:"Socket id."`
	Nsp  string `query:"nsp" doc:"Namespace."`
}

// putMember is PUT /v1/rooms/{room}/sockets/{sid}.
func (a *API) putMember(ctx context.Context, c *call, in *memberInput) (*empty, error) {
	s, err := a.member(ctx, c, in)
	if err != nil {
		return nil, err
	}
	return &empty{}, done(ctx, s, s.Join(in.Room))
}

// done waits until the socket's loop has done what it was asked for, which it will do in any case: that it does not answer in time is
// no error, since whatever it is asked next comes behind.
func done(ctx context.Context, s *hub.Socket, err error) error {
	if err != nil {
		return err
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	_, _ = s.Rooms(ctx)
	return nil
}

// deleteMember is DELETE /v1/rooms/{room}/sockets/{sid}. A socket that is away (hub.Options.Recovery) is not found, and does not come
// back into the room.
func (a *API) deleteMember(ctx context.Context, c *call, in *memberInput) (*empty, error) {
	s, err := a.member(ctx, c, in)
	gone := errors.Is(err, errSocketUnknown) || errors.Is(err, hub.ErrDisconnected)
	if err != nil && !gone {
		return nil, err
	}
	n, invalid := a.namespace("", in.Nsp)
	if invalid != nil {
		return nil, invalid
	}
	leave := n.To(in.SID).SocketsLeave(in.Room) // the room is the key's to decide on
	if gone {
		return nil, err
	}
	return &empty{}, done(ctx, s, leave)
}

// member finds the socket, and checks the room.
func (a *API) member(ctx context.Context, c *call, in *memberInput) (*hub.Socket, error) {
	if err := c.key.room(in.Room, "room"); err != nil {
		return nil, err
	}
	return a.socket(ctx, c, in.SID, in.Nsp)
}

// socket finds a socket that is a resource of its own.
func (a *API) socket(ctx context.Context, c *call, sid, query string) (*hub.Socket, error) {
	n, invalid := a.namespace("", query)
	if invalid != nil {
		return nil, invalid
	}
	return c.key.socket(ctx, n, sid)
}

type deleteSocketInput struct {
	SID    string `path:"sid" doc:"Socket id."`
	Nsp    string `query:"nsp" doc:"Namespace."`
	Close  bool   `query:"close" doc:"End the connection as well."`
	Reason string `query:"reason" doc:"Why, for the server's log. At most 255 bytes."`
}

// deleteSocket is DELETE /v1/sockets/{sid}.
func (a *API) deleteSocket(ctx context.Context, c *call, in *deleteSocketInput) (*empty, error) {
	if err := checkReason(in.Reason); err != nil {
		return nil, err
	}
	s, err := a.socket(ctx, c, in.SID, in.Nsp)
	if errors.Is(err, hub.ErrDisconnected) && !c.key.locked { // it may be away, and is not to come back
		if n, invalid := a.namespace("", in.Nsp); invalid == nil {
			_ = n.To(in.SID).DisconnectSockets(in.Close)
		}
	}
	if err != nil {
		return nil, err
	}
	s.Disconnect(in.Close)
	a.cfg.Logger.Info("a socket is disconnected by the control API", "socket", s.ID(), "reason", in.Reason, "key", c.key.name, "request_id", c.id)
	return &empty{}, done(ctx, s, nil)
}

type deleteUserInput struct {
	User   string `path:"user" doc:"Id of a user."`
	Nsp    string `query:"nsp" doc:"Namespace."`
	Close  bool   `query:"close" doc:"End the connections as well."`
	Reason string `query:"reason" doc:"Why, for the server's log. At most 255 bytes."`
}

// deleteUser is DELETE /v1/users/{user}/sockets.
func (a *API) deleteUser(ctx context.Context, c *call, in *deleteUserInput) (*matchedOutput, error) {
	if err := checkReason(in.Reason); err != nil {
		return nil, err
	}
	room, invalid := c.key.user(in.User, "user")
	if invalid != nil {
		return nil, invalid
	}
	n, invalid := a.namespace("", in.Nsp)
	if invalid != nil {
		return nil, invalid
	}
	gone, err := a.disconnect(ctx, c, n.To(room), in.Close, in.Reason)
	return &matchedOutput{gone}, err
}

type roomInput struct {
	Room string `path:"room" doc:"Room."`
	Nsp  string `query:"nsp" doc:"Namespace."`
}

// deleteRoom is DELETE /v1/rooms/{room}: a room is there as long as somebody is in it, so everybody leaves.
func (a *API) deleteRoom(ctx context.Context, c *call, in *roomInput) (*matchedOutput, error) {
	n, err := a.room(c, in)
	if err != nil {
		return nil, err
	}
	left, err := count(ctx, n.To(in.Room), func(o hub.BroadcastOperator) error { return o.SocketsLeave(in.Room) })
	return &matchedOutput{left}, err
}

// room checks a room, and finds its namespace.
func (a *API) room(c *call, in *roomInput) (*hub.Namespace, error) {
	if err := c.key.room(in.Room, "room"); err != nil {
		return nil, err
	}
	n, invalid := a.namespace("", in.Nsp)
	if invalid != nil {
		return nil, invalid
	}
	return n, nil
}

// memberOf says who a socket's client is, since when it is connected, and from where.
func memberOf(s *hub.Socket) (grant *access.Grant, since time.Time, address string) {
	if m := access.MemberOf(s.Data()); m != nil {
		return m.Grant(), m.Since(), m.Address()
	}
	h := s.Handshake()
	return nil, h.Time, h.Address
}
