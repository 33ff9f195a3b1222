package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"golang.org/x/time/rate"
)

// remoteKeys are the keys that an endpoint serves. They are fetched in the background, and also when a token comes whose
// key is not known, so that a new key is good as soon as it is served. What was fetched last is kept until something
// usable comes: an endpoint that is down, or answers with nonsense, takes no key away.
type remoteKeys struct {
	request    *http.Request // what the endpoint is asked with, to be cloned
	shown      string        // of its address, for the log
	client     *http.Client
	refresh    time.Duration
	algorithms []string // that are allowed, without those of secrets
	now        func() time.Time
	logger     *slog.Logger

	ctx    context.Context // ends all fetching
	cancel context.CancelFunc
	work   sync.WaitGroup

	keys atomic.Pointer[[]key] // nil before the first set

	mu       sync.Mutex
	unknown  *rate.Limiter // of fetches for tokens whose key is not known
	underway chan struct{} // closed when the fetch that is under way ends; nil: none is
	waiters  int           // tokens that wait for one
	failure  error         // why the last fetch failed
}

func newRemoteKeys(ctx context.Context, cfg *VerifierConfig) (*remoteKeys, error) {
	request, err := http.NewRequest(http.MethodGet, cfg.JWKSURL, nil)
	if err != nil {
		return nil, ErrJWKSURL
	}
	address := request.URL
	if address.Hostname() == "" || address.Scheme != "https" && address.Scheme != "http" {
		return nil, ErrJWKSURL
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json") // RFC 7517 8.5.2
	refresh := cfg.JWKSRefresh
	if refresh == 0 {
		refresh = JWKSRefreshDefault
	}
	if refresh < JWKSRefreshMin {
		return nil, ErrJWKSRefresh
	}
	public := slices.DeleteFunc(slices.Clone(cfg.Algorithms), func(a string) bool { return !isPublicAlgorithm(a) })
	if len(public) == 0 {
		return nil, fmt.Errorf("the keys of %s: %w", shownURL(address), ErrAlgorithmKey)
	}
	r := &remoteKeys{
		request: request, shown: shownURL(address), client: stayingSecure(cfg.HTTPClient), refresh: refresh, algorithms: public,
		now: cfg.Now, logger: cfg.Logger, failure: errNotFetched,
		unknown: rate.NewLimiter(rate.Every(JWKSUnknownTime), 1),
	}
	if address.Scheme == "http" && !isLoopback(address.Hostname()) {
		r.logger.Warn("keys are fetched without TLS: whoever is on the way can have any token accepted", "url", r.shown)
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r, nil
}

var (
	// errNotFetched is the failure before there was a fetch.
	errNotFetched = errors.New("the keys were not fetched yet")
	// errTooSoon: tokens of unknown keys have had the keys fetched less than JWKSUnknownTime ago.
	errTooSoon = errors.New("the keys were fetched a moment ago")
)

// shownURL is what may be said of the address: neither a password, nor what in a path or a query may be a key.
func shownURL(u *url.URL) string { return u.Scheme + "://" + u.Host }

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// stayingSecure copies a client, so that it follows no redirect from https to where anybody could answer.
func stayingSecure(c *http.Client) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	own := *c
	follow := own.CheckRedirect
	own.CheckRedirect = func(request *http.Request, via []*http.Request) error {
		switch {
		case via[0].URL.Scheme == "https" && request.URL.Scheme != "https":
			return ErrJWKSRedirect
		case follow != nil:
			return follow(request, via)
		case len(via) >= 10:
			return errors.New("the JWKS endpoint redirects too often")
		}
		return nil
	}
	return &own
}

// begin fetches the keys, waits for the outcome, and has them refreshed from then on.
func (r *remoteKeys) begin() {
	<-r.fetch()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() == nil {
		r.work.Go(r.run)
	}
}

// run fetches the keys again and again: soon after a failure, and less soon after each further one.
func (r *remoteKeys) run() {
	retry := JWKSRetryMin
	for {
		wait := r.refresh
		if r.lastFailure() != nil {
			wait = retry
			retry = min(2*retry, JWKSRetryMax)
		} else {
			retry = JWKSRetryMin
		}
		timer := time.NewTimer(wait)
		select {
		case <-r.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			<-r.fetch()
		}
	}
}

// close ends all fetching and waits for it.
func (r *remoteKeys) close() {
	r.mu.Lock()
	r.cancel() // under the lock, so that no fetch begins any more
	r.mu.Unlock()
	r.work.Wait()
}

// known are the keys that we have.
func (r *remoteKeys) known() []key {
	if keys := r.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// ready returns nil once there are keys.
func (r *remoteKeys) ready() error {
	if r.keys.Load() != nil {
		return nil
	}
	return ErrKeysUnavailable
}

func (r *remoteKeys) lastFailure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// fetch begins to fetch the keys, unless that is under way. What it returns is closed when the outcome is there.
func (r *remoteKeys) fetch() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fetchLocked()
}

func (r *remoteKeys) fetchLocked() <-chan struct{} {
	if r.underway != nil {
		return r.underway
	}
	ended := make(chan struct{})
	if r.ctx.Err() != nil {
		close(ended)
		return ended
	}
	r.underway = ended
	r.work.Go(func() {
		keys, err := r.get()
		r.settle(keys, err)
		close(ended)
	})
	return ended
}

// look fetches the keys for a token whose key is not known, and waits for them. Everybody who comes meanwhile waits for
// the same fetch, up to WaitersMax. It fails with errTooSoon, ErrWaitersMax or the error of ctx.
func (r *remoteKeys) look(ctx context.Context) error {
	ended, err := r.join()
	if err != nil {
		return err
	}
	defer r.leave()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join begins a fetch, or finds the one that is under way, and takes a place among those that wait for it.
func (r *remoteKeys) join() (<-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.waiters >= WaitersMax:
		return nil, ErrWaitersMax
	case r.underway == nil && !r.unknown.AllowN(r.now(), 1):
		return nil, errTooSoon
	}
	r.waiters++
	return r.fetchLocked(), nil
}

func (r *remoteKeys) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiters--
}

// settle takes over what a fetch has brought.
func (r *remoteKeys) settle(keys []key, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := r.failure != nil && r.failure != errNotFetched
	r.underway, r.failure = nil, err
	switch {
	case err == nil:
		r.keys.Store(&keys)
		if failed {
			r.logger.Info("the keys for tokens can be fetched again", "url", r.shown, "keys", len(keys))
		}
	case r.ctx.Err() == nil:
		r.logger.Warn("the keys for tokens could not be fetched", "url", r.shown, "keys", len(r.known()),
			"error", err)
	}
}

// get asks the endpoint once.
func (r *remoteKeys) get() ([]key, error) {
	ctx, cancel := context.WithTimeout(r.ctx, JWKSTime)
	defer cancel()
	response, err := r.client.Do(r.request.Clone(ctx))
	if err != nil {
		return nil, withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s", ErrJWKSStatus, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, JWKSBytesMax+1))
	if err != nil {
		return nil, err
	}
	keys, skipped, err := keySet(body, r.algorithms)
	for _, reason := range skipped {
		r.logger.Debug("a key of the endpoint is not used", "url", r.shown, "reason", reason)
	}
	return keys, err
}

// withoutURL takes the URL out of an error that net/http has put it into.
func withoutURL(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	return err
}

// keySet takes a JWK set apart, RFC 7517 5. Keys that cannot be used are skipped and said, since an endpoint may serve
// them for others; a set without any that can is an error.
func keySet(body []byte, allowed []string) (keys []key, skipped []error, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(body) > JWKSBytesMax {
		return nil, nil, ErrJWKSBytes
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrJWKSFormat, err)
	}
	for i, raw := range set.Keys {
		k, err := remoteKey(raw, allowed)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("keys[%d]: %w", i, err))
			continue
		}
		keys = append(keys, k)
	}
	switch {
	case len(keys) > KeysMax:
		return nil, skipped, ErrKeysMax
	case len(keys) == 0:
		return nil, skipped, errors.Join(append([]error{ErrJWKSEmpty}, skipped...)...)
	}
	return keys, skipped, nil
}

// remoteKey makes a key of a JWK. Of a private one only the public part is read, and a symmetric one (oct) is none: what
// an endpoint serves is no secret.
func remoteKey(raw json.RawMessage, allowed []string) (key, error) {
	var j jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &j); err != nil {
		return key{}, err
	}
	if j.USE != "" && j.USE != jwkset.UseSig || len(j.KEYOPS) > 0 && !slices.Contains(j.KEYOPS, jwkset.KeyOpsVerify) {
		return key{}, ErrKeyUse // RFC 7517 4.2 and 4.3
	}
	if j.KTY == jwkset.KtyOct {
		return key{}, ErrKeyKind
	}
	if j.ALG != "" { // RFC 7517 4.4: the algorithm intended for use with the key
		allowed = slices.DeleteFunc(slices.Clone(allowed), func(a string) bool { return a != string(j.ALG) })
	}
	public, err := jwkset.NewJWKFromMarshal( // without certificates, which it would fetch
		jwkset.JWKMarshal{KTY: j.KTY, CRV: j.CRV, X: j.X, Y: j.Y, N: j.N, E: j.E},
		jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{},
	)
	if err != nil {
		return key{}, err
	}
	return newKey(j.KID, public.Key(), allowed)
}
