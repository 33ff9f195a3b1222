package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"starling/gateway/access"
	"starling/gateway/webhook"
	"starling/hub"
)

// Codes of events that are refused, beside those of tokens.
const (
	codeArguments     = "arguments_invalid"
	codeRoomName      = "room_name_invalid"
	codeRoomForbidden = "room_forbidden"
	codeEvent         = "event_forbidden"
	codeEventUnknown  = "event_unknown"
	codeSocketUnknown = "socket_unknown"
	codeRoomsMax      = "rooms_max"
	codeRateLimited   = "rate_limited"
)

// fault is an event that is refused: what its acknowledgement says.
type fault refusal

func (f *fault) Error() string { return f.Message }

// The refusals that say nothing of the event at hand.
var (
	errRoomArgument   = &fault{codeArguments, "the first argument is the name of a room"}
	errEmitArguments  = &fault{codeArguments, "the first arguments are a room, or the id of a socket, and the name of an event"}
	errRoomForbidden  = &fault{codeRoomForbidden, "this client has no right to this room"}
	errEventForbidden = &fault{codeEvent, "clients may not emit an event of this name to others"}
	errEventUnknown   = &fault{codeEventUnknown, "nobody handles events of this name"}
	errNoTokens       = &fault{codeEventUnknown, "this server takes no tokens"}
	errSocketUnknown  = &fault{codeSocketUnknown, "there is no such socket within reach"}
	errRoomsMax       = &fault{codeRoomsMax, "this client is in as many rooms as it may be"}
	errRateLimited    = &fault{codeRateLimited, "events come too fast"}
	errUnavailable    = &fault{codeUnavailable, "the server cannot do this right now"}
	errAttachments    = &fault{codeArguments, "what the backend gets cannot have binary parts"}
)

// handle sets up a namespace.
func (g *Gateway) handle(n *hub.Namespace) {
	n.Use(g.admit)
	n.OnConnect(g.entered)
	n.OnDisconnect(g.left)
	n.UseEventOnLoop(g.meter)
	if g.hooks[HookRoomOccupied] || g.hooks[HookRoomVacated] {
		n.OnRoom(g.changed(n.Name()))
	}
	n.On("join", g.answer(g.join))
	n.On("leave", g.answer(g.leave))
	n.OnLoop("emit", g.answer(g.emit))
	n.On("direct", g.answer(g.direct))
	n.On("who", g.answer(g.who))
	n.On("refresh", g.answer(g.refresh))
	n.OnOther(g.other)
}

// meterEpoch is where the clock of the meters begins: far enough from zero for one that is zero to have been quiet.
const meterEpoch = 24 * time.Hour

// refusalRate bounds the refusals themselves.
var refusalRate = newRate(refusalsRateMax, refusalsBurstMax)

// now is the time of the meters.
func (g *Gateway) now() int64 { return int64(time.Since(g.started) + meterEpoch) }

// meter is asked before each event: it holds each socket to its rates.
func (g *Gateway) meter(s *hub.Socket, e *hub.Event) error {
	v, now := visitorOf(s), g.now()
	if v.events.allow(g.events, 1, now) && v.bytes.allow(g.bytes, e.Size(), now) {
		return nil
	}
	g.metrics.ClientEvent(codeRateLimited)
	_ = e.Ack(failure(errRateLimited))
	if !v.refusals.allow(refusalRate, 1, now) {
		s.Disconnect(true)
	}
	return errRateLimited
}

// failure is the acknowledgement of an event that is refused.
func failure(err error) any {
	return struct {
		Error error `json:"error"`
	}{err}
}

// answer makes a handler of a function: what it returns is the acknowledgement.
func (g *Gateway) answer(do func(*hub.Socket, *hub.Event) (any, error)) func(*hub.Socket, *hub.Event) {
	return func(s *hub.Socket, e *hub.Event) {
		reply, err := do(s, e)
		if err != nil {
			f := g.faultOf(err)
			g.metrics.ClientEvent(f.Code)
			_ = e.Ack(failure(f))
			return
		}
		g.metrics.ClientEvent("ok")
		_ = e.Ack(reply)
	}
}

// faultOf is what a client is told of an error.
func (g *Gateway) faultOf(err error) *fault {
	var f *fault
	var token *access.TokenError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &token):
		return &fault{token.Code, token.Message}
	case errors.Is(err, hub.ErrDisconnected):
		return errSocketUnknown
	case errors.Is(err, hub.ErrReservedEvent):
		return errEventForbidden
	}
	g.cfg.Logger.Debug("event failed", "error", err)
	return errUnavailable
}

// inRoom is an acknowledgement that names a room.
type inRoom struct {
	Room string `json:"room"`
}

// join puts the sender into a room: join(room).
func (g *Gateway) join(s *hub.Socket, e *hub.Event) (any, error) {
	room, err := roomOf(e)
	if err != nil {
		return nil, err
	}
	ctx, cancel := within()
	defer cancel()
	if !visitorOf(s).Grant().MayJoin(room) {
		if err := g.askToJoin(ctx, s, room); err != nil {
			return nil, err
		}
	}
	info, err := s.Info(ctx)
	if err != nil {
		return nil, err
	}
	if !g.hasPlace(s, info.Rooms, room) {
		return nil, errRoomsMax
	}
	return inRoom{room}, s.Join(room)
}

// hasPlace reports whether a socket that is in some rooms may join one more. Those that it is given from the start do not count.
func (g *Gateway) hasPlace(s *hub.Socket, in []string, room string) bool {
	given := append(slices.Clone(g.firstRooms(visitorOf(s).Grant())), s.ID()) // the grant is everybody's
	if g.cfg.RoomsPerSocketMax == 0 || slices.Contains(given, room) || slices.Contains(in, room) {
		return true
	}
	joined := 0
	for _, name := range in {
		if !slices.Contains(given, name) {
			joined++
		}
	}
	return joined < g.cfg.RoomsPerSocketMax
}

// askToJoin asks the backend about a room that the sender has no right to.
func (g *Gateway) askToJoin(ctx context.Context, s *hub.Socket, room string) error {
	if !g.hooks[HookJoin] || access.IsReserved(room) {
		return errRoomForbidden
	}
	ctx, end := whileHere(ctx, s.Connected)
	defer end()
	err := g.backend.Join(ctx, webhook.JoinRequest{SID: s.ID(), User: visitorOf(s).User(), Namespace: s.Namespace().Name(), Room: room})
	var refused *webhook.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.Message == "" {
		return errRoomForbidden
	}
	return &fault{codeRoomForbidden, refused.Message}
}

// leave takes the sender out of a room: leave(room). What is meant for its user reaches it in any case.
func (g *Gateway) leave(s *hub.Socket, e *hub.Event) (any, error) {
	room, err := roomOf(e)
	if err != nil {
		return nil, err
	}
	if user := visitorOf(s).User(); user != "" && room == access.UserRoom(user) {
		return nil, errRoomForbidden
	}
	return inRoom{room}, s.Leave(room)
}

// sender is what the receivers of a client's event are told of it.
type sender struct {
	SID  string `json:"sid"`
	User string `json:"user,omitempty"`
	Room string `json:"room,omitempty"`
}

// emit passes an event on to the others in a room: emit(room, event, …). It runs on the loop.
func (g *Gateway) emit(s *hub.Socket, e *hub.Event) (any, error) {
	room, event, err := g.target(e)
	if err != nil {
		return nil, err
	}
	if err := access.CheckRoom(room); err != nil {
		return nil, &fault{codeRoomName, err.Error()}
	}
	v := visitorOf(s)
	if !v.Grant().MayEmit(room) {
		return nil, errRoomForbidden
	}
	return inRoom{room}, pass(s.To(room), e, event, sender{s.ID(), v.User(), room})
}

// direct passes an event on to one socket that shares a room with the sender which the latter may emit to:
// direct(id, event, …).
func (g *Gateway) direct(s *hub.Socket, e *hub.Event) (any, error) {
	id, event, err := g.target(e)
	if err != nil {
		return nil, err
	}
	ctx, cancel := within()
	defer cancel()
	n, v := s.Namespace(), visitorOf(s)
	receiver, err := n.Socket(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := mayReach(ctx, v.Grant(), receiver); err != nil {
		return nil, err
	}
	return struct {
		SID string `json:"sid"`
	}{id}, pass(n.To(id), e, event, sender{SID: s.ID(), User: v.User()})
}

// mayReach tells whether a socket is in a room that the grant allows to emit to. Nobody learns that there is a socket which it
// may not reach.
func mayReach(ctx context.Context, g *access.Grant, receiver *hub.Socket) error {
	info, err := receiver.Info(ctx)
	if err != nil {
		return err
	}
	if g.Everything {
		return nil
	}
	for _, room := range info.Rooms {
		if room != receiver.ID() && g.MayEmit(room) {
			return nil
		}
	}
	return errSocketUnknown
}

// target decodes the arguments of what is to be passed on: whom to, and the name of the event.
func (g *Gateway) target(e *hub.Event) (to, event string, err error) {
	if e.Bind(&to, &event) != nil || to == "" {
		return "", "", errEmitArguments
	}
	if !g.clientEvents.match(event) {
		return "", "", errEventForbidden
	}
	return to, event, nil
}

// pass emits an event with its sender and the arguments behind the first two, undecoded where possible.
func pass(to hub.BroadcastOperator, e *hub.Event, event string, from sender) error {
	values, err := e.Values(2)
	if err != nil {
		return &fault{codeArguments, err.Error()}
	}
	return to.Emit(event, append([]any{from}, values...)...)
}

// present is a socket that is in a room, as the others there see it.
type present struct {
	SID  string          `json:"sid"`
	User string          `json:"user,omitempty"`
	Data json.RawMessage `json:"data,omitempty"`
}

// who tells who is in a room that the sender is in, or may join: who(room[, cursor]).
func (g *Gateway) who(s *hub.Socket, e *hub.Event) (any, error) {
	room, err := roomOf(e)
	if err != nil {
		return nil, err
	}
	cursor := ""
	if e.Len() > 1 && e.Arg(1, &cursor) != nil {
		return nil, &fault{codeArguments, "the second argument is a cursor that who has returned"}
	}
	ctx, cancel := within()
	defer cancel()
	if !visitorOf(s).Grant().MayJoin(room) {
		if info, err := s.Info(ctx); err != nil || !slices.Contains(info.Rooms, room) {
			return nil, errRoomForbidden
		}
	}
	reply := attendance{Room: room, Count: s.Namespace().RoomSize(room), Sockets: []present{}}
	bytes, err := reply.list(ctx, s.Namespace(), cursor)
	visitorOf(s).bytes.charge(g.bytes, bytes, g.now()) // the question is short, and the answer is not
	return reply, err
}

// attendance is who is in a room, or some of them.
type attendance struct {
	Room    string    `json:"room"`
	Count   int       `json:"count"`
	Sockets []present `json:"sockets"`
	Next    string    `json:"next,omitempty"`
}

// list lists members from a cursor on, a few at a time until there are enough, and returns how many bytes they are, about.
func (a *attendance) list(ctx context.Context, n *hub.Namespace, cursor string) (bytes int, err error) {
	for len(a.Sockets) < whoMax && bytes < whoBytesMax {
		var members []*hub.Socket
		if members, a.Next, err = n.ListMembers(ctx, a.Room, cursor, min(whoStep, whoMax-len(a.Sockets))); err != nil {
			return bytes, err
		}
		for _, m := range members {
			v := visitorOf(m)
			p := present{m.ID(), v.User(), v.Grant().Data}
			a.Sockets = append(a.Sockets, p)
			bytes += presentBytes + len(p.User) + len(p.Data)
		}
		if cursor = a.Next; cursor == "" {
			break
		}
	}
	return bytes, nil
}

const (
	// whoStep is how many sockets are asked for at once: with the data of all of them an answer is not much longer than
	// whoBytesMax.
	whoStep = 10
	// presentBytes is what one socket takes beside its user and its data.
	presentBytes = 50
)

// refresh takes a newer token of the same user: refresh(token). What the sender may do, and until when, is what it says.
func (g *Gateway) refresh(s *hub.Socket, e *hub.Event) (any, error) {
	var token string
	switch {
	case g.verifier == nil:
		return nil, errNoTokens
	case e.Bind(&token) != nil:
		return nil, &fault{codeArguments, "the first argument is a token"}
	}
	ctx, cancel := within()
	defer cancel()
	grant, err := g.verifier.Verify(ctx, token)
	v := visitorOf(s)
	if err == nil {
		err = v.Refresh(grant)
	}
	if err != nil {
		_ = g.tokenRefused(err) // counted and logged as one at the connection
		return nil, err
	}
	g.expiries.set(&v.expiry, grant.Expires)
	reply := struct {
		User    string `json:"user,omitempty"`
		Expires int64  `json:"expires,omitempty"` // Unix time in seconds: exp, and the leeway behind it
	}{User: grant.User}
	if !grant.Expires.IsZero() {
		reply.Expires = grant.Expires.Unix()
	}
	return reply, s.Join(g.firstRooms(grant)...)
}

// other hands an event to the backend, and its reply to the client.
func (g *Gateway) other(s *hub.Socket, e *hub.Event) {
	if !g.hooks[HookEvent] || !g.webhookEvents.match(e.Name()) {
		g.answer(func(*hub.Socket, *hub.Event) (any, error) { return nil, errEventUnknown })(s, e)
		return
	}
	reply, err := g.callBackend(s, e)
	if err != nil {
		g.answer(func(*hub.Socket, *hub.Event) (any, error) { return nil, err })(s, e)
		return
	}
	g.metrics.ClientEvent("ok")
	ack := make([]any, len(reply.Ack))
	for i, value := range reply.Ack {
		ack[i] = hub.Raw(value)
	}
	_ = e.Ack(ack...)
}

func (g *Gateway) callBackend(s *hub.Socket, e *hub.Event) (webhook.EventReply, error) {
	if e.Attachments() > 0 {
		return webhook.EventReply{}, errAttachments
	}
	args := make([]json.RawMessage, e.Len())
	for i := range args {
		if args[i] = json.RawMessage(e.Raw(i)); args[i] == nil {
			return webhook.EventReply{}, errAttachments // by a format that has them within values
		}
	}
	reply, err := g.backend.Event(context.Background(), webhook.EventRequest{
		SID: s.ID(), User: visitorOf(s).User(), Namespace: s.Namespace().Name(), Event: e.Name(), Args: args,
	})
	var refused *webhook.RefusedError
	if errors.As(err, &refused) {
		return reply, &fault{codeRefused, refused.Message}
	}
	return reply, err
}

// roomOf decodes the name of a room.
func roomOf(e *hub.Event) (room string, err error) {
	if e.Bind(&room) != nil {
		return "", errRoomArgument
	}
	if err := access.CheckRoom(room); err != nil {
		return "", &fault{codeRoomName, err.Error()}
	}
	return room, nil
}

// within bounds what a handler waits for.
func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callTimeMax)
}
