package control

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"starling/hub"
)

// ackReply is what one socket has answered.
type ackReply struct {
	SID  string            `json:"sid" doc:"Socket id."`
	Args []json.RawMessage `json:"args" nullable:"false" doc:"Arguments of the acknowledgement."`
}

// ask sends an event and waits for acknowledgements. Who is asked is found out before, by name: otherwise nobody could tell
// who has not answered.
func (a *API) ask(ctx context.Context, c *call, e emission, wait time.Duration) (*emitReply, error) {
	if c.keyed {
		ctx = context.WithoutCancel(ctx) // whoever asks again gets the reply to this
	}
	asked, err := a.present(ctx, e, AckSocketsMax)
	if err != nil {
		return nil, err
	}
	share := min(len(asked), ackShareMax)
	if !a.acks.take(c.key, share, AcksPerKeyMax) {
		return nil, errAcksMax
	}
	c.atEnd(func() { a.acks.give(c.key, share) }) // when the reply has been sent
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	e.BroadcastOperator = e.nsp.To(asked...)
	replies, err := e.EmitWithAck(ctx, e.event, e.args...)
	var partial *hub.PartialError
	if err != nil && !errors.As(err, &partial) {
		return nil, e.because(err)
	}
	reply := answers(a.ids.make(a.cfg.Now()), asked, replies)
	reply.AcksCut = reply.AcksCut || errors.Is(err, hub.ErrAckBytes)
	return reply, nil
}

// present lists whom an emission means, if they are not too many.
func (a *API) present(ctx context.Context, e emission, most int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, receiptTimeMax)
	defer cancel()
	n, err := e.Count(ctx)
	if err != nil {
		return nil, err
	}
	var sockets []*hub.RemoteSocket
	if n <= most {
		if sockets, err = e.FetchSockets(ctx); err != nil {
			return nil, err
		}
		n = len(sockets)
	}
	if n > most {
		return nil, bad("ack_sockets_max", "to", "%d sockets are meant, and at most %d are asked for an acknowledgement", n, most)
	}
	asked := make([]string, 0, n)
	for _, s := range sockets {
		asked = append(asked, s.ID())
	}
	slices.Sort(asked)
	return asked, nil
}

// answers puts the reply together. Who acknowledges with more arguments than an event may have could make it many times as long
// as what was sent, and counts as one who has not answered.
func answers(id string, asked []string, replies []hub.BroadcastReply) *emitReply {
	cut := false
	acks, timedOut := make([]ackReply, 0, len(replies)), make([]string, 0)
	answered := map[string]bool{}
	for i := range replies {
		r := &replies[i]
		if r.Len() > ArgsMax {
			cut = true
			continue
		}
		answered[r.SocketID] = true
		acks = append(acks, ackReply{SID: r.SocketID, Args: arguments(&r.Arguments)})
	}
	for _, sid := range asked {
		if !answered[sid] {
			timedOut = append(timedOut, sid)
		}
	}
	return &emitReply{ID: id, Matched: len(asked), Acks: &acks, TimedOut: &timedOut, AcksCut: cut}
}

// arguments are what was acknowledged, with bytes as base64.
func arguments(from *hub.Arguments) []json.RawMessage {
	args := make([]json.RawMessage, from.Len())
	targets := make([]any, len(args))
	for i := range args {
		targets[i] = &args[i]
	}
	if from.Bind(targets...) == nil {
		return args
	}
	for i := range args {
		if err := from.Arg(i, &args[i]); err != nil {
			args[i] = json.RawMessage("null") // it is nothing that JSON has
		}
	}
	return args
}
