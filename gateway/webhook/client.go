package webhook

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// Client calls one backend. It is safe for concurrent use.
type Client struct {
	cfg  Config
	log  *slog.Logger
	post poster

	slots   chan struct{} // one for each call that waits
	closing chan struct{} // one for a Close that waits for these
	lanes   [laneCount]lane

	queue   queue
	limiter *rate.Limiter
	sent    chan struct{} // closed when the sender has ended

	open  context.Context // done when Close is called, with errHurry
	hurry context.CancelCauseFunc
	life  context.Context // done when whatever still runs has to end, with ErrClosed
	end   context.CancelCauseFunc

	ids           ids
	counts        counters
	rarely        [len(outcomes)]rate.Sometimes
	rarelyFull    rate.Sometimes
	rarelyDropped rate.Sometimes
}

// New checks the configuration and starts the sender of notifications; Close ends it. Nothing is sent yet.
// It fails with ErrURL, ErrSecret or ErrBound.
func New(cfg Config) (*Client, error) {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg, err = cfg.filled(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg:     cfg,
		log:     cfg.Logger.With("webhook", shownURL(u)),
		slots:   make(chan struct{}, cfg.InFlightMax),
		closing: make(chan struct{}, 1),
		limiter: rate.NewLimiter(rate.Limit(cfg.RateMax), 1),
		sent:    make(chan struct{}),
	}
	c.post.http, c.post.url, c.post.now = newHTTPClient(&c.cfg), u.String(), cfg.Now
	c.post.agent = "starling/" + cmp.Or(cfg.Version, "dev")
	if err := c.SetSecrets(cfg.Secrets); err != nil {
		return nil, err
	}
	c.life, c.end = context.WithCancelCause(context.Background())
	c.open, c.hurry = context.WithCancelCause(c.life)
	c.ids.init()
	c.queue.init(&c.cfg, &c.ids)
	c.initLanes()
	c.initRarely()
	go c.sendAll()
	return c, nil
}

func (c *Client) initRarely() {
	for i := range c.rarely {
		c.rarely[i].Interval = logTimeMin
	}
	c.rarelyFull.Interval = logTimeMin
	c.rarelyDropped.Interval = logTimeMin
}

// SetSecrets has what is sent from now on signed with other secrets, as Config.Secrets says; a batch that is sent again too.
// They are copied. It fails with ErrSecret, and then nothing changes.
func (c *Client) SetSecrets(secrets [][]byte) error {
	own := make([][]byte, len(secrets))
	for i, secret := range secrets {
		if len(secret) < SecretBytesMin {
			return ErrSecret
		}
		own[i] = bytes.Clone(secret)
	}
	c.post.secrets.Store(&own)
	return nil
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	s := Stats{InFlight: len(c.slots)}
	c.counts.report(&s)
	c.queue.report(&s, time.Now())
	c.reportLanes(&s)
	return s
}

// Close ends the client: calls from now on fail with ErrClosed and notifications are dropped. The notifications that wait
// are sent and the calls that wait are finished as far as ctx allows; then the rest is dropped, or fails with ErrClosed.
// Close returns how many notifications were dropped since it was called, and leaves nothing running.
func (c *Client) Close(ctx context.Context) (dropped int64) {
	stop := context.AfterFunc(ctx, func() { c.end(ErrClosed) })
	defer stop()
	before := c.Stats().Dropped.Total()
	c.hurry(errHurry)
	c.queue.close()
	<-c.sent
	c.awaitCalls()
	c.end(ErrClosed)
	if c.cfg.Client == nil {
		c.post.http.CloseIdleConnections()
	}
	return c.Stats().Dropped.Total() - before
}

// awaitCalls returns when no call waits for the backend.
func (c *Client) awaitCalls() {
	c.closing <- struct{}{} // or two would have half of the places each, and wait for the other half
	defer func() { <-c.closing }()
	for range cap(c.slots) {
		c.slots <- struct{}{}
	}
	for range cap(c.slots) {
		<-c.slots
	}
}
