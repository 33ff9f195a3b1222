package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Connect asks the backend whether a client may connect. It fails with RefusedError if not, and with the other errors of
// calls if there is no answer. If the connection breaks it is asked once more, within the same timeout.
func (c *Client) Connect(ctx context.Context, r ConnectRequest) (ConnectReply, error) {
	r.Header = lowered(r.Header)
	var answer ConnectReply
	err := c.call(ctx, kindConnect, connectMessage{c.newHead(KindConnect), r}, func(body []byte) (err error) {
		answer, err = parseConnectReply(body)
		return err
	})
	return answer, err
}

// Join asks the backend whether a client may join a room; nil is its yes. Otherwise it is as Connect.
func (c *Client) Join(ctx context.Context, r JoinRequest) error {
	return c.call(ctx, kindJoin, joinMessage{c.newHead(KindJoin), r}, parseJoinReply)
}

// Event hands a client's event to the backend and returns its acknowledgement. It is sent once: the backend may have acted
// also if this fails. It fails with RefusedError if the backend would not have it.
func (c *Client) Event(ctx context.Context, r EventRequest) (EventReply, error) {
	if r.Args == nil {
		r.Args = []json.RawMessage{}
	}
	var answer EventReply
	err := c.call(ctx, kindEvent, eventMessage{c.newHead(KindEvent), r}, func(body []byte) (err error) {
		answer, err = parseEventReply(body)
		return err
	})
	return answer, err
}

func (c *Client) newHead(kind string) head {
	now := c.cfg.Now()
	return head{kind, c.ids.next(now).String(), stamp(now)}
}

// call sends a message and has the reply to a yes parsed, and counts how that ended.
func (c *Client) call(ctx context.Context, kind int, message any, parse func(body []byte) error) error {
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	l := &c.lanes[laneOf(kind)]
	if err = c.enter(l); err != nil {
		c.counts.calls[kind][outcomeOf(err)].Add(1)
		return err
	}
	defer c.leave(l)
	t, ok := l.breaker.enter()
	if !ok {
		c.counts.calls[kind][outcomeUnavailable].Add(1)
		return ErrUnavailable
	}
	started := time.Now()
	err = c.ask(ctx, kind, body, parse)
	c.logChange(l, l.breaker.leave(t, verdictOf(err)))
	c.note(kind, err, started)
	return err
}

// ask sends a call's body, within the timeout.
func (c *Client) ask(ctx context.Context, kind int, body []byte, parse func(body []byte) error) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	r, err := c.post.post(ctx, body)
	// Whether a client may do something can be asked twice. An event may have taken effect, so it is not repeated.
	if kind != kindEvent && errors.Is(err, ErrConnection) {
		c.counts.retried.Add(1)
		r, err = c.post.post(ctx, body)
	}
	switch {
	case r.status == 401 || r.status == 403:
		return parseRefusal(r.body)
	case r.status != 0 && r.status/100 != 2:
		return &StatusError{r.status}
	case err != nil:
		return err
	case len(r.body) > ReplyBytesMax:
		return ErrReplyBytes
	}
	return parse(r.body)
}

// bounded is a context that ends with the timeout and, at the latest, with the client.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.life, func() { end(ErrClosed) })
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, ErrTimeout)
	return ctx, func() { stop(); cancel(); end(nil) }
}

// note counts a call, or an attempt to send a batch, and tells the hook and the log of it.
func (c *Client) note(kind int, err error, started time.Time) {
	outcome := outcomeOf(err)
	c.counts.calls[kind][outcome].Add(1)
	if c.cfg.Observe != nil {
		c.cfg.Observe(kinds[kind], outcomes[outcome], time.Since(started))
	}
	switch outcome {
	case outcomeStatus, outcomeReply, outcomeTimeout, outcomeConnection:
		c.rarely[outcome].Do(func() {
			c.log.Warn("a call has failed; more such failures of the next seconds are not logged",
				"kind", kinds[kind], "outcome", outcomes[outcome], "error", err)
		})
	}
}

// logChange tells the log when the breaker of a lane opens, stays open, and closes.
func (c *Client) logChange(l *lane, ch change) {
	kinds := strings.Join(l.kinds, ", ")
	switch {
	case ch.paused:
		c.log.Warn("the backend does not answer; calls fail at once for a while", "calls", kinds, "pause", ch.pause)
	case ch.closed:
		c.log.Info("the backend answers again", "calls", kinds)
	}
}

func isDone(ctx context.Context) bool { return ctx.Err() != nil }
