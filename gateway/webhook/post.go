package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// poster sends requests to the backend's URL.
type poster struct {
	http    *http.Client
	url     string
	agent   string
	secrets atomic.Pointer[[][]byte]
	now     func() time.Time
}

// reply is what has come back. Its status is 0 if nothing has.
type reply struct {
	status     int
	retryAfter string // the header
	body       []byte // at most ReplyBytesMax+1 bytes
}

// post sends a body, of which it keeps nothing, and waits for the reply. It fails with ErrConnection, ErrTimeout or the
// cause of ctx; the reply has a status also then if it was the body that did not come.
func (p *poster) post(ctx context.Context, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return reply{}, ErrURL // New has parsed it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", p.agent)
	if secrets := *p.secrets.Load(); len(secrets) > 0 {
		req.Header.Set(SignatureHeader, sign(p.now(), body, secrets))
	}
	res, err := p.http.Do(req)
	if err != nil {
		return reply{}, failure(ctx, err)
	}
	defer res.Body.Close()
	r := reply{status: res.StatusCode, retryAfter: res.Header.Get("Retry-After")}
	r.body, err = io.ReadAll(io.LimitReader(res.Body, ReplyBytesMax+1))
	if err != nil {
		return r, failure(ctx, err)
	}
	return r, nil
}

// failure says why there is no reply, without the URL that net/http puts into its errors.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	var timed net.Error
	if errors.As(err, &timed) && timed.Timeout() {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrConnection, err)
}
