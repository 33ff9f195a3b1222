package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// ServeHTTP makes the server a handler of an http.Server that is there already:
//
//	mux.Handle("/socket.io/", io)
//	go io.Serve(ctx)
//
// It takes the connection over (http.Hijacker) and gives it to an event loop, together with the request, so Serve must be
// running: before that, and in the last part of a shutdown, clients get status 503 with Retry-After. It returns at once.
//
// Later requests on that connection go straight to the loop, as long as they are below Options.Path. The handlers around this
// one see only the first of them, and what they have put into the response's header is lost: what decides on who may connect
// belongs into Options.AllowRequest and Use, what adds headers into Options.Headers. Behind a proxy that sends the requests
// of many clients over one connection, this matters for security. A later request for something else brings the connection
// back to the http.Server, with all its settings, as a new one: its hooks see a net.Conn that is no *net.TCPConn.
//
// The server around must speak HTTP/1.1 over plain TCP or Unix sockets. HTTP/2 requests are answered with status 505, those
// over TLS, over a listener that wraps its connections, or behind a handler that hides http.Hijacker with 501; the reason is
// in the answer, and in the log once. TLS belongs into a proxy in front. So does Options.ProxyProtocol, which has no effect
// here; X-Forwarded-For is believed as ever. With http.StripPrefix Options.Path is what is left of the path. Options.Handler
// is for requests outside of it that reach this handler. The connections that the http.Server keeps need open files too:
// Options.ConnectionsMax, which counts those that were taken over alone, should leave room for them.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	engine := s.engine.Load()
	if engine == nil || engine.Draining() || !s.running() {
		s.turnedAwayLate.Add(1)
		s.turnAway(w)
		return
	}
	target := s.answer(w, r)
	if target == "" {
		return
	}
	switch {
	case r.ProtoMajor != 1:
		s.obstructed(w, http.StatusHTTPVersionNotSupported, "HTTP/2 has no connections that it could take over")
	case r.TLS != nil:
		s.obstructed(w, http.StatusNotImplemented, "it cannot take over connections with TLS")
	case engine.Connections() >= engine.ConnectionsMax():
		s.turnedAwayFull.Add(1)
		s.turnAway(w)
	default:
		s.pass(w, r, target, s.front.homes.of(r))
	}
}

// running reports whether the loops run, or did.
func (s *Server) running() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// turnAway asks a client to come later.
func (s *Server) turnAway(w http.ResponseWriter) {
	w.Header().Set("Retry-After", busyRetryAfter)
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}

// obstructed answers a request of Engine.IO's that cannot be served in the place where the server was put.
func (s *Server) obstructed(w http.ResponseWriter, status int, why string) {
	http.Error(w, s.obstacle(why), status)
}

// obstacle logs why the server cannot serve where it was put, the first time, and returns it as a sentence.
func (s *Server) obstacle(why string) string {
	s.onceForeign.Do(func() { s.opts.Logger.Error("requests that come by ServeHTTP cannot be served", "reason", why) })
	return "Socket.IO cannot be served here: " + why + "; it needs HTTP/1.1 without TLS, which a proxy can provide"
}

// pass gives a request and its connection to a loop: that of its session, if it names one. home is where the connection
// belongs when it is not needed there, nil if that is our own net/http server.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, target string, home *eventloop.Listener) {
	request, err := s.rewrite(w, r, target)
	if err != nil {
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.obstructed(w, http.StatusNotImplemented, "a handler around it hides http.Hijacker")
		return
	}
	buffered, _ := rw.Reader.Peek(rw.Reader.Buffered()) // cannot fail: it is there
	shards := s.column()
	i, ok := session.LoopOf(r.URL.Query().Get("sid"))
	if !ok || i >= len(shards) {
		i = int(s.turn.Add(1) % uint32(len(shards)))
	}
	if err := shards[i].loop.Take(conn, append(request, buffered...), home); err != nil {
		s.refuse(conn, err)
	}
}

// refuse answers on a connection that no loop has taken.
func (s *Server) refuse(conn net.Conn, err error) {
	defer conn.Close()
	response := busyResponse
	if errors.Is(err, eventloop.ErrNoSocket) {
		text := s.obstacle(fmt.Sprintf("its connections are of type %T", conn)) + "\n"
		response = fmt.Sprintf("HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	} else {
		s.opts.Logger.Debug("taking over a connection", "error", err)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(eventloop.LingerMax))
	_, _ = io.WriteString(conn, response)
}

// rewrite returns the request as it came, for a loop to read it again, without what is still to come of its body. A body that
// a handler around us has replaced by one of its own, because it has read it or bounds it, is read and joins it. An error was
// answered.
func (s *Server) rewrite(w http.ResponseWriter, r *http.Request, target string) ([]byte, error) {
	if isOriginal(r.Body) {
		return requestHead(r, target), nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.opts.PayloadBytesMax)))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		w.Header().Set("Connection", "close")
		http.Error(w, http.StatusText(status), status)
		return nil, err
	}
	whole := *r
	whole.TransferEncoding = nil
	whole.Header = r.Header.Clone()
	whole.Header.Del("Expect")
	whole.Header.Del("Content-Length")
	if len(body) > 0 || r.Method == http.MethodPost {
		whole.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return slices.Concat(requestHead(&whole, target), body), nil
}

// isOriginal reports whether a request's body is the one that net/http has given it, of which nothing was read if nobody has
// broken it. Should the names change, all bodies are read, which only takes longer.
func isOriginal(body io.ReadCloser) bool {
	switch fmt.Sprintf("%T", body) {
	case "<nil>", "*http.body", "http.noBody", "*http.expectContinueReader":
		return true
	}
	return false
}

// requestHead writes the head of a request again. net/http has taken two headers out of it.
func requestHead(r *http.Request, target string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", r.Method, target, r.Proto)
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

// homes are the servers of net/http that have passed connections to us, each with the listener by which it gets them back. So
// it serves them as it does others: with its handler, its timeouts and its hooks, and no longer than it lives itself.
type homes struct {
	mu      sync.Mutex
	open    map[*http.Server]*eventloop.Listener // guarded by mu, as closed
	closed  bool
	serving sync.WaitGroup
}

// of returns the listener of the server that a request has come to, nil if there is none.
func (h *homes) of(r *http.Request) *eventloop.Listener {
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if ln := h.open[srv]; ln != nil || h.closed {
		return ln
	}
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		addr = &net.TCPAddr{}
	}
	ln := eventloop.NewListener(addr)
	if h.open == nil {
		h.open = map[*http.Server]*eventloop.Listener{}
	}
	h.open[srv] = ln
	h.serving.Go(func() {
		_ = srv.Serve(ln) // until one of us ends
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.open, srv)
	})
	return ln
}

// leave ends the way back, when no loop has a connection any more.
func (h *homes) leave() {
	h.mu.Lock()
	h.closed = true
	for _, ln := range h.open {
		_ = ln.Close()
	}
	h.mu.Unlock()
	h.serving.Wait()
}
