package webhook

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

var (
	// errFull: the queue has no place for a notification.
	errFull = errors.New("too many notifications are waiting for the backend")
	// errHurry ends the pauses between tries when Close is called.
	errHurry = errors.New("closing")
)

// Notify queues a notification and never waits. It reports whether the notification was queued; if not, it was dropped and
// counted. What one goroutine notifies arrives in that order. The strings are kept until they are sent.
func (c *Client) Notify(n Notification) bool {
	now := c.cfg.Now()
	if n.Time.IsZero() {
		n.Time = now
	}
	err := c.queue.put(entry{Notification: n, at: time.Now()}, now)
	if err == errFull {
		c.rarelyFull.Do(func() {
			c.log.Error("notifications are dropped", "error", err)
		})
	}
	return err == nil
}

// sendAll sends batch after batch, each when the one before is settled, so that what happened to a socket arrives in
// order. It ends when the queue is closed and empty.
func (c *Client) sendAll() {
	defer close(c.sent)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var entries []entry
	for c.await(timer) {
		entries = c.queue.head(entries[:0])
		c.queue.settle(c.sendSome(entries))
		clear(entries) // lets go of their strings
	}
}

// sendSome sends a batch of the first of these entries, and takes them from the queue before. It returns the counter that
// they belong to.
func (c *Client) sendSome(entries []entry) *int64 {
	if isDone(c.life) {
		c.queue.take(entries)
		return &c.queue.dropped.Closed
	}
	now := c.cfg.Now()
	h := head{KindBatch, c.ids.next(now).String(), stamp(now)}
	body, n := appendBatch(nil, h, entries, c.cfg.BatchBytesMax)
	c.queue.take(entries[:n])
	return c.deliver(body, n)
}

// await waits until a batch is due, and reports whether there will be any.
func (c *Client) await(timer *time.Timer) bool {
	for {
		wait, some, over := c.queue.due(time.Now())
		switch {
		case over:
			return false
		case some && wait == 0:
			return true
		case some:
			timer.Reset(wait)
		default:
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-c.queue.wake:
		}
	}
}

// deliver sends a batch until the backend has it, has refused it, or does not come back. It returns the counter that the
// notifications belong to.
func (c *Client) deliver(body []byte, n int) *int64 {
	tries := &tries{client: c, body: body}
	err := tries.run(c.open)
	if errors.Is(err, errHurry) {
		err = tries.run(c.life)
	}
	switch {
	case err == nil:
		return &c.queue.sent
	case isFinal(err):
		c.logDrop("the backend has refused a batch of notifications, which is dropped", err, n)
		return &c.queue.dropped.Refused
	case isDone(c.life):
		return &c.queue.dropped.Closed
	default:
		c.logDrop("the backend did not take a batch of notifications, which is dropped", err, n)
		return &c.queue.dropped.GaveUp
	}
}

func (c *Client) logDrop(text string, err error, n int) {
	c.rarelyDropped.Do(func() { c.log.Error(text, "error", err, "notifications", n) })
}

// tries send one batch.
type tries struct {
	client *Client
	body   []byte
	count  int
}

// run sends the batch again and again, with growing pauses, and ends with the cause of ctx when a pause is cut short.
func (t *tries) run(ctx context.Context) error {
	if isDone(ctx) {
		return context.Cause(ctx)
	}
	cfg := &t.client.cfg
	p := &pauses{ExponentialBackOff: backoff.ExponentialBackOff{
		InitialInterval: cfg.RetryTimeMin, MaxInterval: cfg.RetryTimeMax,
		Multiplier: retryMultiplier, RandomizationFactor: jitter,
	}}
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, t.once(p) },
		backoff.WithBackOff(p), backoff.WithMaxTries(cfg.triesMax()), backoff.WithMaxElapsedTime(0))
	return err
}

// once sends the batch once, when its rate allows.
func (t *tries) once(p *pauses) error {
	c := t.client
	if c.limiter.Wait(c.life) != nil {
		return backoff.Permanent(ErrClosed) // nothing else ends that wait
	}
	if t.count++; t.count > 1 {
		c.counts.retried.Add(1)
	}
	r, err := c.attempt(t.body)
	p.atLeast = retryAfter(r, c.cfg.Now())
	if isFinal(err) {
		return backoff.Permanent(err)
	}
	return err
}

// attempt sends a batch once.
func (c *Client) attempt(body []byte) (reply, error) {
	ctx, cancel := context.WithTimeoutCause(c.life, c.cfg.Timeout, ErrTimeout)
	defer cancel()
	started := time.Now()
	r, err := c.post.post(ctx, body)
	switch { // once there is a status, it does not matter whether the body came
	case r.status/100 == 2:
		err = nil
	case r.status != 0:
		err = &StatusError{r.status}
	}
	c.note(kindBatch, err, started)
	return r, err
}

// pauses are those between tries of a batch: what the backend asks for, or longer.
type pauses struct {
	backoff.ExponentialBackOff
	atLeast time.Duration
}

// NextBackOff returns the next pause.
func (p *pauses) NextBackOff() time.Duration {
	return max(p.ExponentialBackOff.NextBackOff(), p.atLeast)
}

// retryAfter is for how long the backend does not want to see the batch again: 0 if it did not say. It may say so in
// seconds or as a date (RFC 9110 10.2.3).
func retryAfter(r reply, now time.Time) time.Duration {
	if r.status != http.StatusTooManyRequests && r.status != http.StatusServiceUnavailable {
		return 0
	}
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(r.retryAfter, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(r.retryAfter); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), RetryAfterMax)
}
