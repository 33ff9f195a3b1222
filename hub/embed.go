package hub

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// ServeHTTP lets a server live inside an existing net/http server: register it there for Options.Path,
//
//	mux.Handle("/socket.io/", io) // beside "/", and not "GET /", which net/http finds ambiguous
//
// and run Serve, without Listen, for the event loops. Each request's connection is taken from net/http and given to a loop
// with all that was read of it. Should a request for something else follow on it, the handler of its net/http server
// answers that.
//
// The connection must be a plain TCP one: over TLS or HTTP/2 the answer is 501, and a proxy has to end that. Before Serve,
// when it ends, and beyond Options.ConnectionsMax it is 503. Shutting the net/http server down does not end the clients'
// connections; Shutdown does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	file, ours := strings.CutPrefix(path, s.opts.Path)
	switch {
	case !ours:
		http.NotFound(w, r)
	case !s.running():
		refuseBusy(w)
	case s.isFile(file):
		s.serveFile(w, r)
	default:
		s.giveLoop(w, r, homeOf(r))
	}
}

// running reports whether the loops take connections.
func (s *Server) running() bool {
	select {
	case <-s.ready:
		return !s.engine.Load().Draining()
	default:
		return false
	}
}

func refuseBusy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", busyRetryAfter)
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}

// home is the address of a connection that a net/http server of the application's has accepted: it knows that server, so
// that requests which are not ours find back.
type home struct {
	net.Addr
	server *http.Server
}

// homeOf returns where a request has come to; nil if it does not say.
func homeOf(r *http.Request) net.Addr {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	addr, err := net.ResolveTCPAddr("tcp", r.RemoteAddr) // an IP address, so nobody is asked
	if err != nil {
		return nil
	}
	return &home{addr, server}
}

// foreignHandler returns who answers what is not ours on a connection.
func (s *Server) foreignHandler(remote net.Addr) http.Handler {
	h, ok := remote.(*home)
	switch {
	case !ok && s.opts.Handler != nil:
		return s.opts.Handler
	case !ok:
		return http.NotFoundHandler()
	case h.server.Handler == nil:
		return http.DefaultServeMux
	}
	return h.server.Handler
}

// giveLoop gives a request and its connection to a loop: that of its session, if it names one. addr is what the connection's
// address is to be, nil for what it is.
func (s *Server) giveLoop(w http.ResponseWriter, r *http.Request, addr net.Addr) {
	if r.TLS != nil || r.ProtoMajor != 1 {
		s.refuseForeign(w, "over TLS or HTTP/2")
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.refuseForeign(w, err.Error())
		return
	}
	_ = conn.SetDeadline(time.Time{}) // those of net/http
	shards := s.column()
	i, ok := session.LoopOf(r.URL.Query().Get("sid"))
	if !ok || i >= len(shards) {
		i = int(s.turn.Add(1)) % len(shards)
	}
	read := requestHead(r)
	buffered, _ := rw.Reader.Peek(rw.Reader.Buffered()) // cannot fail: it is there
	err = shards[i].loop.Take(conn, append(read, buffered...), addr)
	if err == nil {
		return
	}
	s.opts.Logger.Debug("taking a connection from net/http", "error", err)
	if errors.Is(err, eventloop.ErrFull) || errors.Is(err, eventloop.ErrNoSocket) {
		_, _ = conn.Write([]byte(busyResponse))
		conn.Close()
	}
}

// refuseForeign answers a request whose connection cannot be had.
func (s *Server) refuseForeign(w http.ResponseWriter, why string) {
	s.onceForeign.Do(func() {
		s.opts.Logger.Error("requests come by connections that cannot be taken from net/http; told once", "why", why)
	})
	http.Error(w, "hub: the connection cannot be taken from net/http: "+why, http.StatusNotImplemented)
}
