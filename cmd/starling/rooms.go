package main

import (
	"context"
	"errors"
	"time"

	"starling/hub"
)

// askTimeout is how long a client may take to answer a question.
const askTimeout = 5 * time.Second

// newRoomApp gives a server the small built-in application, so that it can be tried and flooded: rooms, and messages to a
// room, to everyone and to one socket; in the main namespace and, for whoever gives a name, in /members. docs/ROOMAPP.md
// describes its events.
func newRoomApp(io *hub.Server) {
	members := io.Of("/members")
	members.Use(wantName)
	for _, n := range []*hub.Namespace{io.Namespace, members} {
		n.On("join", withRoom((*hub.Socket).Join))
		n.On("leave", withRoom((*hub.Socket).Leave))
		n.OnLoop("room", answered(sendRoom))
		n.OnLoop("everyone", answered(sendEveryone))
		n.OnLoop("others", answered(sendOthers))
		n.OnLoop("direct", answered(sendDirect))
		n.OnLoop("echo", echo)
		n.On("work", echo)
		n.On("ask", ask)
		n.On("rooms", listRooms)
		n.On("bye", bye)
	}
}

// wantName is the middleware of /members.
func wantName(s *hub.Socket) error {
	var auth struct {
		Name string `json:"name"`
	}
	if err := s.Auth(&auth); err != nil || auth.Name == "" {
		return &hub.ConnectError{Message: "a name is required", Data: map[string]string{"field": "auth.name"}}
	}
	return nil
}

// failure is an acknowledgement that tells what went wrong.
type failure struct {
	Error string `json:"error"`
}

// answered makes a handler of a function: its error, or else "ok", is the acknowledgement.
func answered(do func(*hub.Socket, *hub.Event) error) func(*hub.Socket, *hub.Event) {
	return func(s *hub.Socket, e *hub.Event) {
		if err := do(s, e); err != nil {
			_ = e.Ack(failure{err.Error()})
			return
		}
		_ = e.Ack("ok")
	}
}

var errRoomArgument = errors.New("the first argument must be the name of a room")

// withRoom is an event whose only argument is a room.
func withRoom(do func(s *hub.Socket, rooms ...string) error) func(*hub.Socket, *hub.Event) {
	return answered(func(s *hub.Socket, e *hub.Event) error {
		var room string
		if e.Bind(&room) != nil {
			return errRoomArgument
		}
		return do(s, room)
	})
}

// sendRoom passes room(room, …) on to the other members of the room.
func sendRoom(s *hub.Socket, e *hub.Event) error {
	var room string
	if e.Bind(&room) != nil || room == "" {
		return errRoomArgument
	}
	return pass(s.To(room), e, 1, room)
}

// sendEveryone passes everyone(…) on to all sockets of the namespace.
func sendEveryone(s *hub.Socket, e *hub.Event) error { return pass(s.Namespace().Except(), e, 0) }

// sendOthers passes others(…) on to all sockets of the namespace but the sender.
func sendOthers(s *hub.Socket, e *hub.Event) error { return pass(s.Broadcast(), e, 0) }

// sendDirect passes direct(id, …) on to one socket, with the sender's id instead of the receiver's.
func sendDirect(s *hub.Socket, e *hub.Event) error {
	var id string
	if e.Bind(&id) != nil || id == "" {
		return errors.New("the first argument must be the id of a socket")
	}
	return pass(s.Namespace().To(id), e, 1, s.ID())
}

// pass emits an event under its own name: first what is given, then its arguments from i on, undecoded where possible.
func pass(to hub.BroadcastOperator, e *hub.Event, i int, first ...any) error {
	values, err := e.Values(i)
	if err != nil {
		return err
	}
	return to.Emit(e.Name(), append(first, values...)...)
}

// echo sends the arguments back: as the acknowledgement if one is wanted, else as an echo event.
func echo(s *hub.Socket, e *hub.Event) {
	values, err := e.Values(0)
	switch {
	case err != nil:
		_ = e.Ack(failure{err.Error()})
	case e.WantsAck():
		_ = e.Ack(values...)
	default:
		_ = s.Emit("echo", values...)
	}
}

// ask asks the sender, and acknowledges with what the sender's client answers.
func ask(s *hub.Socket, e *hub.Event) {
	values, err := e.Values(0)
	if err != nil {
		_ = e.Ack(failure{err.Error()})
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), askTimeout, hub.ErrAckTimeout)
	defer cancel()
	reply, err := s.EmitWithAck(ctx, "question", values...)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		_ = e.Ack(failure{err.Error()})
		return
	}
	if values, err = reply.Values(0); err != nil {
		_ = e.Ack(failure{err.Error()})
		return
	}
	_ = e.Ack(values...)
}

// listRooms acknowledges with the names of the rooms that the sender is in.
func listRooms(s *hub.Socket, e *hub.Event) {
	names, err := s.Rooms(context.Background())
	if err != nil {
		_ = e.Ack(failure{err.Error()})
		return
	}
	_ = e.Ack(names)
}

// bye disconnects the sender; with true as its argument its whole connection.
func bye(s *hub.Socket, e *hub.Event) {
	var closeConnection bool
	_ = e.Bind(&closeConnection)
	s.Disconnect(closeConnection)
}
