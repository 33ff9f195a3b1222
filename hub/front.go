package hub

import (
	"bytes"
	"context"
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
		f.answerForeign()
	}
	return f, nil
}

// answerForeign has requests that are not Engine.IO's answered by net/http.
func (f *front) answerForeign() {
	if f.foreign == nil {
		f.foreign = eventloop.NewListener(&net.TCPAddr{})
	}
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
	path, _, _ := strings.Cut(r.RequestURI, "?")
	file, ours := strings.CutPrefix(path, s.opts.Path)
	switch {
	case ours && s.isFile(file):
		s.serveFile(w, r)
	case ours:
		s.giveLoop(w, r, nil)
	default:
		remote, _ := r.Context().Value(remoteKey{}).(net.Addr)
		s.foreignHandler(remote).ServeHTTP(w, r)
	}
}

// remoteKey is under what a request's context has the address of its connection, as the loop knew it.
type remoteKey struct{}

// isFile reports whether a path below Options.Path is a file of the client's.
func (s *Server) isFile(path string) bool { return s.front.bundle != nil && s.front.bundle.Has(path) }

// serveFile serves a file of the client's.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	for name, values := range s.front.origins.Header(r) { // a module is loaded from another origin by CORS alone
		w.Header()[name] = values
	}
	s.front.bundle.ServeHTTP(w, r)
}

// requestHead writes the head of a request again. net/http has taken two headers out of it.
func requestHead(r *http.Request) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", r.Method, r.RequestURI, r.Proto)
	if r.Host != "" {
		fmt.Fprintf(&b, "Host: %s\r\n", r.Host)
	}
	if len(r.TransferEncoding) > 0 {
		fmt.Fprintf(&b, "Transfer-Encoding: %s\r\n", strings.Join(r.TransferEncoding, ", "))
	}
	_ = r.Header.Write(&b) // a bytes.Buffer takes everything
	b.WriteString("\r\n")
	return b.Bytes()
}

// foreignServer is the net/http server behind the loops.
func (s *Server) foreignServer() *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(s.serveForeign),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, remoteKey{}, c.RemoteAddr())
		},
		ReadHeaderTimeout: s.opts.HandshakeTimeout,
		IdleTimeout:       session.KeepAliveTime,
		MaxHeaderBytes:    wsproto.HeadBytesMax,
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug),
	}
}
