package control

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"
)

// This file is what concerns the server as a whole.

type drainInput struct {
	Over string `query:"over" default:"30s" doc:"How long it takes, at most 1h: clients are disconnected evenly." example:"60s"`
}

type drainReply struct {
	Draining bool `json:"draining"`
}

// postDrain is POST /v1/drain.
func (a *API) postDrain(_ context.Context, c *call, in *drainInput) (*output[drainReply], error) {
	over, err := parseTime(in.Over, "over", DrainTimeMax)
	if err != nil {
		return nil, err
	}
	a.cfg.Logger.Info("the control API asks for a drain", "over", over, "key", c.key.name, "request_id", c.id)
	a.cfg.Drain(over)
	return &output[drainReply]{drainReply{true}}, nil
}

type healthReply struct {
	Status string `json:"status"`
}

// getHealth is GET /healthz: whoever reads the reply knows all that it has to say.
func (a *API) getHealth(context.Context, *call, *struct{}) (*output[healthReply], error) {
	return &output[healthReply]{healthReply{"ok"}}, nil
}

// getReady is GET /readyz.
func (a *API) getReady(context.Context, *call, *struct{}) (*output[healthReply], error) {
	if a.cfg.Server.Draining() {
		return nil, notReady("the server is draining")
	}
	if a.cfg.Ready != nil {
		if err := a.cfg.Ready(); err != nil {
			return nil, notReady(err.Error())
		}
	}
	return &output[healthReply]{healthReply{"ready"}}, nil
}

func notReady(why string) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: why, RetryAfter: 5 * time.Second}
}

// through serves what does not come from this package.
func through(handler http.Handler) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w := rw.(*answer)
		w.through = true
		handler.ServeHTTP(w, r)
	}
}

// profiles is net/http/pprof below /debug/pprof/, without the command line, which may have secrets in it.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// serveDocument is GET /openapi.json.
func (a *API) serveDocument(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(a.document) }
