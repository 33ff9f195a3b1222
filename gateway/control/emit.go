package control

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"starling/hub"
)

// delivery is what has become of an event.
type delivery struct {
	ID         string `json:"id" doc:"Id of the emit, a ULID: for logs." example:"01J9ZK3V5T8Y2W6Q4R7N0M1P3S"`
	Matched    int    `json:"matched" doc:"Sockets of this server that were meant. With 0 nobody was there."`
	Queued     int    `json:"queued" doc:"Those whose connections have taken the event."`
	Dropped    int    `json:"dropped" doc:"Those that did not keep up."`
	Incomplete bool   `json:"incomplete,omitempty" doc:"The event is sent, and was not counted everywhere in time."`
}

// emission is an event on its way: who gets it, and what it is.
type emission struct {
	hub.BroadcastOperator
	nsp   *hub.Namespace
	event string
	args  []any
}

// aim makes an emission of a body that has its target, for a key, without the socket of X-Socket-Id.
func (a *API) aim(ctx context.Context, c *call, b *emitBody, query string) (e emission, err error) {
	n, invalid := a.namespace(b.Nsp, query)
	if invalid != nil {
		return e, invalid
	}
	who, err := c.key.target(ctx, n, b.To, "to", true)
	if err != nil {
		return e, err
	}
	return a.aimAt(ctx, c, b, n, who)
}

// aimAt is aim at somebody who is known already.
func (a *API) aimAt(ctx context.Context, c *call, b *emitBody, n *hub.Namespace, who targets) (e emission, err error) {
	except, err := c.key.reach(ctx, n, b.Except, "except")
	if err != nil {
		return e, err
	}
	if c.socketID != "" {
		self, err := c.key.reach(ctx, n, []string{c.socketID}, "X-Socket-Id")
		if err != nil {
			return e, err
		}
		except = append(slices.Clip(except), self...)
	}
	e = emission{BroadcastOperator: who.of(n), nsp: n, event: b.Event}
	if len(except) > 0 {
		e.BroadcastOperator = e.Except(except...)
	}
	if b.Volatile {
		e.BroadcastOperator = e.Volatile()
	}
	for _, arg := range b.Args {
		e.args = append(e.args, arg)
	}
	return e, nil
}

// send sends the event. What comes back counts it.
func (e *emission) send() (*hub.Receipt, error) {
	receipt, err := e.EmitReceipt(e.event, e.args...)
	return receipt, e.because(err)
}

// because finds out what of an event was wrong.
func (e *emission) because(err error) error {
	switch {
	case err == nil, errors.Is(err, hub.ErrOverloaded), errors.Is(err, hub.ErrShutdown):
		return err
	case errors.Is(err, hub.ErrReservedEvent):
		return bad("event_reserved", "event", "%q belongs to the protocol", clip(e.event))
	}
	for _, arg := range e.args {
		if raw, _ := arg.(json.RawMessage); !json.Valid(raw) || nesting(raw) > nestingMax {
			return bad("data_invalid", "", "an argument is no JSON, or is nested more than %d deep", nestingMax)
		}
	}
	return err
}

// nestingMax is how deep the hub lets arrays and objects be nested.
const nestingMax = 512

// nesting is how deep JSON that is valid is nested.
func nesting(text []byte) (deepest int) {
	d := decoder{text: text}
	for depth := 0; d.pos < len(text); {
		switch text[d.pos] {
		case '"':
			d.pass()
			continue
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
		d.pos++
	}
	return deepest
}

// settle waits for the counts, as long as ctx allows. The error is errShutdown: then nobody was reached.
func settle(ctx context.Context, id string, r *hub.Receipt) (delivery, *Error) {
	d, err := r.Wait(ctx)
	if errors.Is(err, hub.ErrShutdown) && d.Matched == 0 {
		return delivery{}, errShutdown
	}
	return delivery{ID: id, Matched: d.Matched, Queued: d.Queued, Dropped: d.Dropped, Incomplete: err != nil}, nil
}

// patient bounds the wait for the loops. That the client does not wait any more is no reason to end it: an event that was sent
// must not be reported, or kept for an Idempotency-Key, as one that was not; and net/http takes a client for gone that has
// closed no more than its sending side.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), receiptTimeMax)
}

// emit sends an event and counts it.
func (a *API) emit(ctx context.Context, e emission) (delivery, error) {
	receipt, err := e.send()
	if err != nil {
		return delivery{}, err
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	d, failed := settle(ctx, a.ids.make(a.cfg.Now()), receipt)
	if failed != nil {
		return d, failed
	}
	return d, nil
}

// emitInput are the parameters of the emits.
type emitInput struct {
	Nsp string `query:"nsp" doc:"Namespace, unless the body has it."`
	Ack string `query:"ack" doc:"Wait so long for acknowledgements, at most 1m; they come instead of counts." example:"5s"`
}

// emitReply is a delivery, or what was acknowledged.
type emitReply struct {
	ID         string      `json:"id" doc:"Id of the emit, a ULID: for logs." example:"01J9ZK3V5T8Y2W6Q4R7N0M1P3S"`
	Matched    int         `json:"matched" doc:"Sockets that were meant. With 0 nobody was there."`
	Queued     *int        `json:"queued,omitempty" doc:"Those whose connections have taken the event. Not with ?ack."`
	Dropped    *int        `json:"dropped,omitempty" doc:"Those that did not keep up. Not with ?ack."`
	Incomplete bool        `json:"incomplete,omitempty" doc:"The event is sent, and was not counted everywhere in time."`
	Acks       *[]ackReply `json:"acks,omitempty" nullable:"false" doc:"With ?ack: what was acknowledged."`
	TimedOut   *[]string   `json:"timedOut,omitempty" nullable:"false" doc:"With ?ack: ids of the sockets that did not acknowledge in time, or have left."`
	AcksCut    bool        `json:"acksCut,omitempty" doc:"With ?ack: some have acknowledged with too much, and are among timedOut: more than 100 arguments, or beyond 8 MiB of all acknowledgements together."`
}

func (d delivery) reply() emitReply {
	return emitReply{ID: d.ID, Matched: d.Matched, Queued: &d.Queued, Dropped: &d.Dropped, Incomplete: d.Incomplete}
}

type emitOutput = output[emitReply]

// postEmit is POST /v1/emit.
func (a *API) postEmit(ctx context.Context, c *call, in *emitInput) (*emitOutput, error) {
	var b emitBody
	if err := b.read(c.body, true); err != nil {
		return nil, err
	}
	e, err := a.aim(ctx, c, &b, in.Nsp)
	if err != nil {
		return nil, err
	}
	return a.emitOrAsk(ctx, c, e, b.Volatile, in.Ack)
}

// emitOrAsk emits, and asks for acknowledgements if the request wants them.
func (a *API) emitOrAsk(ctx context.Context, c *call, e emission, volatile bool, ack string) (*emitOutput, error) {
	if ack == "" {
		d, err := a.emit(ctx, e)
		return &emitOutput{d.reply()}, err
	}
	wait, invalid := parseTime(ack, "ack", AckTimeMax)
	switch {
	case invalid != nil:
		return nil, invalid
	case volatile:
		return nil, bad("field_conflict", "volatile", "who may miss an event cannot be asked to acknowledge it")
	}
	reply, err := a.ask(ctx, c, e, wait)
	if err != nil {
		return nil, err
	}
	return &emitOutput{*reply}, nil
}

// parseTime reads a parameter like "5s".
func parseTime(text, field string, most time.Duration) (time.Duration, *Error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > most {
		return 0, bad("parameter_invalid", field, "this is a time like 500ms or 5s, at most %s", most)
	}
	return d, nil
}

// readEvent reads the body of an emit whose target is in its path, or nobody in particular.
func (a *API) readEvent(c *call, query string) (b emitBody, n *hub.Namespace, err error) {
	if invalid := b.read(c.body, false); invalid != nil {
		return b, nil, invalid
	}
	n, invalid := a.namespace(b.Nsp, query)
	if invalid != nil {
		return b, nil, invalid
	}
	return b, n, nil
}

type roomEmitInput struct {
	Room string `path:"room" doc:"Room."`
	Nsp  string `query:"nsp" doc:"Namespace, unless the body has it."`
	Ack  string `query:"ack" doc:"Wait so long for acknowledgements, at most 1m; they come instead of counts." example:"5s"`
}

type userEmitInput struct {
	User string `path:"user" doc:"Id of a user."`
	Nsp  string `query:"nsp" doc:"Namespace, unless the body has it."`
	Ack  string `query:"ack" doc:"Wait so long for acknowledgements, at most 1m; they come instead of counts." example:"5s"`
}

type socketEmitInput struct {
	SID      string `path:"sid" doc:"Socket id."`
	Nsp      string `query:"nsp" doc:"Namespace, unless the body has it."`
	Ack      string `query:"ack" doc:"Wait so long for an acknowledgement, at most 1m; it comes instead of counts." example:"5s"`
	Required bool   `query:"required" doc:"Reply 404 if there is no such socket."`
}

// postRoomEmit is POST /v1/rooms/{room}/emit.
func (a *API) postRoomEmit(ctx context.Context, c *call, in *roomEmitInput) (*emitOutput, error) {
	if err := c.key.room(in.Room, "room"); err != nil {
		return nil, err
	}
	return a.emitTo(ctx, c, in.Room, emitInput{in.Nsp, in.Ack})
}

// postUserEmit is POST /v1/users/{user}/emit.
func (a *API) postUserEmit(ctx context.Context, c *call, in *userEmitInput) (*emitOutput, error) {
	room, err := c.key.user(in.User, "user")
	if err != nil {
		return nil, err
	}
	return a.emitTo(ctx, c, room, emitInput{in.Nsp, in.Ack})
}

// emitTo emits to a room that the key may use.
func (a *API) emitTo(ctx context.Context, c *call, room string, in emitInput) (*emitOutput, error) {
	b, n, err := a.readEvent(c, in.Nsp)
	if err != nil {
		return nil, err
	}
	e, err := a.aimAt(ctx, c, &b, n, targets{rooms: []string{room}})
	if err != nil {
		return nil, err
	}
	return a.emitOrAsk(ctx, c, e, b.Volatile, in.Ack)
}

// postSocketEmit is POST /v1/sockets/{sid}/emit.
func (a *API) postSocketEmit(ctx context.Context, c *call, in *socketEmitInput) (*emitOutput, error) {
	if !isSocketID(in.SID) {
		return nil, bad("socket_id_invalid", "sid", "this is no id of a socket")
	}
	b, n, err := a.readEvent(c, in.Nsp)
	if err != nil {
		return nil, err
	}
	who := targets{rooms: []string{in.SID}}
	if in.Required || c.key.locked {
		_, err := c.key.socket(ctx, n, in.SID)
		switch gone := errors.Is(err, errSocketUnknown) || errors.Is(err, hub.ErrDisconnected); {
		case gone && in.Required:
			return nil, errSocketUnknown
		case gone:
			who.rooms = nil
		case err != nil:
			return nil, err
		}
	}
	e, err := a.aimAt(ctx, c, &b, n, who)
	if err != nil {
		return nil, err
	}
	out, err := a.emitOrAsk(ctx, c, e, b.Volatile, in.Ack)
	if err == nil && in.Required && out.Body.Matched == 0 && !out.Body.Incomplete {
		return nil, errSocketUnknown // it has left since
	}
	return out, err
}

type broadcastInput struct {
	Nsp string `query:"nsp" doc:"Namespace, unless the body has it."`
}

// postBroadcast is POST /v1/broadcast.
func (a *API) postBroadcast(ctx context.Context, c *call, in *broadcastInput) (*output[delivery], error) {
	b, n, err := a.readEvent(c, in.Nsp)
	if err != nil {
		return nil, err
	}
	e, err := a.aimAt(ctx, c, &b, n, targets{everyone: true})
	if err != nil {
		return nil, err
	}
	d, err := a.emit(ctx, e)
	return &output[delivery]{d}, err
}
