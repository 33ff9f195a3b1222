package control

import (
	"context"
	"net/http"

	"starling/hub"
)

// This file is POST /v1/batch. The items are done in their order, and each as if it were a request of its own.

type batchReply struct {
	Results []resultReply `json:"results" nullable:"false" doc:"One for each item, in the same order."`
}

// resultReply is what one of several operations has come to.
type resultReply struct {
	Status     int        `json:"status" doc:"That of a request of its own." example:"200"`
	ID         string     `json:"id,omitempty" doc:"Of emit and broadcast, as there."`
	Matched    *int       `json:"matched,omitempty" doc:"As in the reply to a request of its own."`
	Queued     *int       `json:"queued,omitempty"`
	Dropped    *int       `json:"dropped,omitempty"`
	Incomplete bool       `json:"incomplete,omitempty"`
	Error      *errorBody `json:"error,omitempty"`
}

// failed is the result of what has failed.
func failed(e *Error, requestID string) resultReply {
	body := e.body(requestID)
	return resultReply{Status: e.Status, Error: &body}
}

// batchOutput is the reply, and when to try those items again that were refused for now.
type batchOutput struct {
	RetryAfter string `header:"Retry-After" doc:"Seconds, when an item has status 429 or 503."`
	Body       batchReply
}

// batch is one of them on its way.
type batch struct {
	api     *API
	call    *call
	nsp     string // of the query
	results []result
	body    emitBody
	spent   *Error // the key's rate: items that follow wait as well, or the order would change
}

// result is what an item comes to.
type result struct {
	matched matched
	err     *Error       // instead
	receipt *hub.Receipt // instead, of the event with this id
	id      string
}

// postBatch is POST /v1/batch.
func (a *API) postBatch(ctx context.Context, c *call, in *nspInput) (*batchOutput, error) {
	items, err := readBatch(c.body)
	if err != nil {
		return nil, err
	}
	b := &batch{api: a, call: c, nsp: in.Nsp}
	for _, item := range items {
		b.results = append(b.results, b.do(ctx, item))
	}
	return b.reply(ctx), nil
}

// do does one item.
func (b *batch) do(ctx context.Context, item []byte) (r result) {
	if b.spent == nil {
		b.spent = b.call.key.take(b.api.cfg.Now(), 1)
	}
	switch {
	case b.spent != nil:
		return result{err: b.spent}
	case len(item) > b.api.cfg.EventBytesMax:
		return result{err: errBodyBytes(b.api.cfg.EventBytesMax)}
	}
	op, invalid := readOp(item)
	if invalid != nil {
		return result{err: invalid}
	}
	if err := b.perform(ctx, op, item, &r); err != nil {
		return result{err: b.api.asError(ctx, err)}
	}
	return r
}

// perform does the operation of an item.
func (b *batch) perform(ctx context.Context, op string, item []byte, r *result) (err error) {
	scope := ScopeManage
	if op == "emit" || op == "broadcast" {
		scope = ScopePublish
	}
	if !b.call.key.may(scope) {
		return errScope(scope)
	}
	switch op {
	case "emit", "broadcast":
		return b.emit(ctx, op, item, r)
	case "join":
		r.matched, err = b.api.changeRooms(ctx, b.call, item, b.nsp, hub.BroadcastOperator.SocketsJoin, opFields...)
	case "leave":
		r.matched, err = b.api.changeRooms(ctx, b.call, item, b.nsp, hub.BroadcastOperator.SocketsLeave, opFields...)
	case "disconnect":
		r.matched, err = b.api.disconnectBody(ctx, b.call, item, b.nsp, opFields...)
	default:
		return bad("op_unknown", "op", "an item has an op: emit, broadcast, join, leave or disconnect, not %q", clip(op))
	}
	return err
}

// emit emits an item. Its counts are waited for at the end, together with those of all others.
func (b *batch) emit(ctx context.Context, op string, item []byte, r *result) (err error) {
	b.body.reset()
	if err := b.body.read(item, op == "emit", opFields...); err != nil {
		return err
	}
	var e emission
	if op == "emit" {
		e, err = b.api.aim(ctx, b.call, &b.body, b.nsp)
	} else {
		e, err = b.broadcast(ctx)
	}
	if err != nil {
		return err
	}
	r.id = b.api.ids.make(b.api.cfg.Now())
	r.receipt, err = e.send()
	return err
}

func (b *batch) broadcast(ctx context.Context) (e emission, err error) {
	if b.call.key.locked {
		return e, errKeyLocked
	}
	n, invalid := b.api.namespace(b.body.Nsp, b.nsp)
	if invalid != nil {
		return e, invalid
	}
	return b.api.aimAt(ctx, b.call, &b.body, n, targets{everyone: true})
}

// reply waits for all counts.
func (b *batch) reply(ctx context.Context) *batchOutput {
	ctx, cancel := patient(ctx)
	defer cancel()
	out := &batchOutput{Body: batchReply{Results: make([]resultReply, 0, len(b.results))}}
	for i := range b.results {
		reply, err := b.results[i].reply(ctx)
		if err != nil {
			reply = failed(err, b.call.id)
			if h := (http.Header{}); err.RetryAfter > 0 {
				err.tell(h)
				out.RetryAfter = h.Get("Retry-After")
			}
		}
		out.Body.Results = append(out.Body.Results, reply)
	}
	return out
}

func (r *result) reply(ctx context.Context) (resultReply, *Error) {
	switch {
	case r.err != nil:
		return resultReply{}, r.err
	case r.receipt == nil:
		return resultReply{Status: http.StatusOK, Matched: &r.matched.Matched, Incomplete: r.matched.Incomplete}, nil
	}
	d, err := settle(ctx, r.id, r.receipt)
	return resultReply{Status: http.StatusOK, ID: d.ID, Matched: &d.Matched, Queued: &d.Queued, Dropped: &d.Dropped, Incomplete: d.Incomplete}, err
}
