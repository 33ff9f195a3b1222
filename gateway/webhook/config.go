package webhook

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"
)

// filled returns the configuration with its defaults, or which of it cannot work.
func (cfg Config) filled() (Config, error) {
	cfg.fillTimes()
	cfg.fillCounts()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg, cfg.check()
}

func (cfg *Config) fillTimes() {
	cfg.Timeout = cmp.Or(cfg.Timeout, TimeoutDefault)
	cfg.BatchDelay = cmp.Or(cfg.BatchDelay, BatchDelayDefault)
	cfg.PauseMin = cmp.Or(cfg.PauseMin, PauseMinDefault)
	cfg.PauseMax = cmp.Or(cfg.PauseMax, max(PauseMaxDefault, cfg.PauseMin))
	cfg.RetryTimeMin = cmp.Or(cfg.RetryTimeMin, RetryTimeMinDefault)
	cfg.RetryTimeMax = cmp.Or(cfg.RetryTimeMax, max(RetryTimeMaxDefault, cfg.RetryTimeMin))
}

func (cfg *Config) fillCounts() {
	cfg.InFlightMax = cmp.Or(cfg.InFlightMax, InFlightMaxDefault)
	cfg.FailuresMax = cmp.Or(cfg.FailuresMax, FailuresMaxDefault)
	cfg.RateMax = cmp.Or(cfg.RateMax, RateMaxDefault)
	cfg.QueueMax = cmp.Or(cfg.QueueMax, QueueMaxDefault)
	cfg.QueueBytesMax = cmp.Or(cfg.QueueBytesMax, QueueBytesMaxDefault)
	cfg.BatchMax = cmp.Or(cfg.BatchMax, BatchMaxDefault)
	cfg.BatchBytesMax = cmp.Or(cfg.BatchBytesMax, BatchBytesMaxDefault)
	cfg.RetriesMax = cmp.Or(cfg.RetriesMax, RetriesMaxDefault)
}

// check names the first bound that cannot work.
func (cfg *Config) check() error {
	for _, bound := range []struct {
		name string
		ok   bool
	}{
		{"Timeout", cfg.Timeout > 0},
		{"InFlightMax", cfg.InFlightMax > 0},
		{"FailuresMax", cfg.FailuresMax > 0},
		{"PauseMin", cfg.PauseMin > 0},
		{"PauseMax", cfg.PauseMax >= cfg.PauseMin},
		{"RateMax", cfg.RateMax > 0 && !math.IsInf(cfg.RateMax, 1)}, // and so not NaN
		{"QueueMax", cfg.QueueMax > 0},
		{"QueueBytesMax", cfg.QueueBytesMax > 0},
		{"BatchMax", cfg.BatchMax > 0},
		{"BatchBytesMax", cfg.BatchBytesMax > 0},
		{"BatchDelay", cfg.BatchDelay > 0},
		{"RetriesMax", cfg.RetriesMax >= NoRetries},
		{"RetryTimeMin", cfg.RetryTimeMin > 0},
		{"RetryTimeMax", cfg.RetryTimeMax >= cfg.RetryTimeMin},
	} {
		if !bound.ok {
			return fmt.Errorf("%w: %s", ErrBound, bound.name)
		}
	}
	return nil
}

// triesMax is how often a batch is sent at most.
func (cfg *Config) triesMax() uint {
	if cfg.RetriesMax == NoRetries {
		return 1
	}
	return uint(cfg.RetriesMax) + 1
}

// parseURL drops what url.Parse has to say of a URL that it cannot read: it quotes pieces of it, and one may be a password.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, ErrURL
	}
	if _, err := url.Parse(u.String()); err != nil { // what no request can be made of, such as a zone that is not ASCII
		return nil, ErrURL
	}
	return u, nil
}

// shownURL is what may be logged of the URL: neither a password, nor what in a path or a query may be a key.
func shownURL(u *url.URL) string { return u.Scheme + "://" + u.Host }

// newHTTPClient makes the client of one backend. No proxy of the environment comes between it and the backend, a redirect
// is a reply like any other, and HTTP/1.1 alone is spoken: a connection that breaks then costs one call.
func newHTTPClient(cfg *Config) *http.Client {
	if cfg.Client != nil {
		own := *cfg.Client
		own.CheckRedirect = refuseRedirect
		return &own
	}
	conns := cfg.InFlightMax + 1 // and one for batches
	return &http.Client{
		CheckRedirect: refuseRedirect,
		Transport: &http.Transport{
			// A request that is given up does not take its dial along, so this has a bound of its own.
			DialContext:            (&net.Dialer{Timeout: cfg.Timeout}).DialContext,
			TLSHandshakeTimeout:    cfg.Timeout,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			MaxIdleConns:           conns,
			MaxIdleConnsPerHost:    conns,
			MaxConnsPerHost:        conns,
			IdleConnTimeout:        idleTimeMax,
			DisableCompression:     true, // replies are small
			MaxResponseHeaderBytes: replyHeadBytesMax,
		},
	}
}

// refuseRedirect keeps what is signed for one URL from being sent to another.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
