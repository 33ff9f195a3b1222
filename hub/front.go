package hub

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"golang.org/x/time/rate"

	"starling/eventloop"
	"starling/hub/internal/edge"
	"starling/hub/internal/session"
	"starling/wsproto"
)

// front is what the server makes of the world in front of it: who may come, how fast, by way of whom, and what it gives
// to requests that are not Engine.IO's.
type front struct {
	origins *edge.Origins
	proxies edge.Proxies
	bundle  *edge.Bundle        // nil: none
	rate    *rate.Limiter       // nil: no bound
	foreign *eventloop.Listener // nil: nobody there
	homes   homes
}

// newFront reads the options that concern it.
func newFront(o *Options) (*front, error) {
	f := &front{}
	var errs []error
	check := func(option string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("hub: %s: %w", option, err))
		}
	}
	var err error
	f.origins, err = edge.NewOrigins(o.Origins, o.Credentials)
	check("Origins", err)
	f.proxies, err = edge.ParseProxies(o.TrustedProxies)
	check("TrustedProxies", err)
	if o.Cookie != nil {
		check("Cookie", edge.CheckCookie(o.Cookie))
	}
	if o.ClientFiles != nil {
		f.bundle, err = edge.NewBundle(o.ClientFiles)
		check("ClientFiles", err)
	}
	if len(errs) > 0 {
		return nil, &OptionsError{errors.Join(errs...)}
	}
	if o.ConnectRateMax > 0 {
		f.rate = rate.NewLimiter(rate.Limit(o.ConnectRateMax), o.ConnectRateMax)
	}
	if o.Handler != nil || f.bundle != nil {
		f.foreign = eventloop.NewListener(&net.TCPAddr{})
	}
	return f, nil
}

// configure writes itself into the configuration of sessions.
func (f *front) configure(cfg *session.Config) {
	cfg.Origins, cfg.Proxies, cfg.Foreign = f.origins, f.proxies, f.foreign
	if f.bundle != nil {
		cfg.IsFile = f.bundle.Has
	}
}

// admits reports whether another session may begin now.
func (f *front) admits() bool { return f.rate == nil || f.rate.Allow() }

// serveForeign answers the requests that the loops have handed over with their connections: files of the client, and what is
// outside of Options.Path. One of Engine.IO's, on a connection that has come for something else before, goes back to a loop
// with its connection.
func (s *Server) serveForeign(w http.ResponseWriter, r *http.Request) {
	if target := s.answer(w, r); target != "" {
		s.pass(w, r, target, nil)
	}
}

// answer answers a request, unless it is one of Engine.IO's: then it returns its target as a loop has to see it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) (target string) {
	target = s.target(r)
	path, _, _ := strings.Cut(target, "?")
	file, ours := strings.CutPrefix(path, s.opts.Path)
	switch {
	case ours && s.front.bundle != nil && s.front.bundle.Has(file):
		for name, values := range s.front.origins.Header(r) { // a module is loaded from another origin by CORS alone
			w.Header()[name] = values
		}
		s.front.bundle.ServeHTTP(w, r)
	case ours:
		return target
	case s.opts.Handler != nil:
		s.opts.Handler.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
	return ""
}

// target is the target of a request as it was sent, or, if that is not ours, as the handlers around us have changed it,
// http.StripPrefix for instance.
func (s *Server) target(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, s.opts.Path) {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// foreignServer is the net/http server behind the loops.
func (s *Server) foreignServer() *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(s.serveForeign),
		ReadHeaderTimeout: s.opts.HandshakeTimeout,
		IdleTimeout:       session.KeepAliveTime,
		MaxHeaderBytes:    wsproto.HeadBytesMax,
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug),
	}
}
