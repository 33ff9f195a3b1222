package hub

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"starling/eventloop"
)

// Listen claims an address, "host:port"; port 0 picks one. Nobody is accepted before Serve. The error says which option
// or which part of the system is in the way.
func (s *Server) Listen(addr string) error {
	if addr == "" {
		return errors.New("hub: Listen without an address")
	}
	return s.listen(addr)
}

// listen is Listen; with an address of "" it makes loops that listen nowhere.
func (s *Server) listen(addr string) error {
	if err := s.opts.validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine.Load() != nil {
		return ErrListening
	}
	front, err := newFront(&s.opts)
	if err != nil {
		return err
	}
	if addr == "" { // connections come from a net/http server, whose handler has the other requests
		front.answerForeign()
	}
	s.front = front
	if err := s.joinCluster(); err != nil {
		return err
	}
	var shards []*shard
	cfg := s.opts.sessionConfig()
	cfg.Busy = s.busy
	front.configure(cfg)
	engine, err := eventloop.New(s.opts.engineConfig(addr), func(l *eventloop.Loop) eventloop.Handler {
		sh := newShard(s, l, cfg)
		shards = append(shards, sh)
		return sh
	})
	if err != nil {
		s.leaveCluster()
		return err
	}
	cfg.SessionsMax = engine.ConnectionsMax()
	s.shards.Store(&shards)
	s.engine.Store(engine)
	return nil
}

// busy reports whether handshakes are refused for now.
func (s *Server) busy() bool {
	e := s.engine.Load()
	return s.draining.Load() || e.Overloaded() || e.Draining() || !s.front.admits()
}

// Addr is the address that Listen has claimed, with the real port; nil before, and without Listen.
func (s *Server) Addr() net.Addr {
	if e := s.engine.Load(); e != nil {
		return e.Addr()
	}
	return nil
}

// Ready is closed when the server takes connections.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Connections is how many connections are open.
func (s *Server) Connections() int {
	if e := s.engine.Load(); e != nil {
		return e.Connections()
	}
	return 0
}

// ConnectionsMax is the number of connections that the server admits; 0 before Listen.
func (s *Server) ConnectionsMax() int {
	if e := s.engine.Load(); e != nil {
		return e.ConnectionsMax()
	}
	return 0
}

// Panics is how many panics of handlers were caught.
func (s *Server) Panics() int {
	n := int(s.workers.panics.Load())
	if e := s.engine.Load(); e != nil {
		n += e.Panics()
	}
	return n
}

// Serve serves until ctx is done, or Shutdown is called, and then ends in order: new sessions are refused, clients are told
// (Options.ShutdownNotice) and disconnected with ReasonServerShutdown over Options.DrainTime, pending bytes are sent,
// handlers are waited for; all within DrainTime and Options.ShutdownTimeout, or as long as Shutdown's context allows. It
// returns nil after such an end, the context's error when something had to be cut off, ErrShutdown when Shutdown was called
// before, and any other error when the server ended by itself. It may be called once, after Listen, or without it for a
// server that gets its connections by ServeHTTP.
func (s *Server) Serve(ctx context.Context) error {
	if s.engine.Load() == nil {
		s.opts.Logger.Info("serving without an address: connections come by ServeHTTP alone")
		if err := s.listen(""); err != nil {
			return err
		}
	}
	if !s.ending.begin() {
		return ErrShutdown
	}
	err := s.serve(ctx)
	s.ending.over(err)
	return err
}

func (s *Server) serve(ctx context.Context) error {
	engine := s.engine.Load()
	defer s.workers.stop()
	defer s.leaveCluster()
	defer s.expireUntil()()
	stopForeign := s.startForeign()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run() }()
	go func() {
		select {
		case <-engine.Ready():
			close(s.ready)
		case <-s.stopped:
		}
	}()
	select {
	case err := <-ended:
		close(s.stopped)
		deadline, cancel := s.shutdownContext(ctx)
		defer cancel()
		_ = stopForeign(deadline)
		return err
	case <-ctx.Done():
	case <-s.asked:
	}
	deadline, cancel := s.shutdownContext(ctx)
	defer cancel()
	s.drain(deadline)
	foreign := make(chan error, 1)
	go func() { foreign <- stopForeign(deadline) }() // its connections count among the engine's
	err := engine.Shutdown(deadline)
	close(s.stopped)
	if runErr := <-ended; runErr != nil {
		return runErr
	}
	return errors.Join(err, <-foreign, s.awaitHandlers(deadline))
}

// shutdownContext bounds what Serve does at its end, when its own context may be done.
func (s *Server) shutdownContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if by := s.ending.by(); by != nil {
		return context.WithCancel(by)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), s.opts.DrainTime+s.opts.ShutdownTimeout)
}

// ListenAndServe is Listen and Serve.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	if err := s.Listen(addr); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// ServeListener is Serve for connections that a listener of the caller's accepts, which must be TCP connections: one that
// systemd has handed to the process, for instance. Each is accepted by a goroutine and moved to an event loop, which costs
// some 50 us more than Listen does. It closes the listener at its end, and ends if somebody else closes it, with the error
// of Accept.
func (s *Server) ServeListener(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	if s.engine.Load() != nil {
		return ErrListening
	}
	if err := s.listen(""); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		cancel(s.acceptFrom(ln))
	}()
	err := s.Serve(ctx)
	ln.Close()
	<-accepting
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) && !s.ending.wanted() {
		return cause
	}
	return err
}

// acceptFrom gives the loops what a listener accepts, until that is closed.
func (s *Server) acceptFrom(ln net.Listener) error {
	engine := s.engine.Load()
	delay := acceptDelayMin
	for {
		conn, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // no descriptors, as a rule: others will be closed
			s.opts.Logger.Warn("accepting", "error", err)
			time.Sleep(delay)
			delay = min(2*delay, acceptDelayMax)
		default:
			delay = acceptDelayMin
			if err := engine.Accept(conn); err != nil {
				s.opts.Logger.Debug("a connection was not taken", "error", err)
			}
		}
	}
}

// How long acceptFrom waits after an error, as net/http does.
const (
	acceptDelayMin = 5 * time.Millisecond
	acceptDelayMax = time.Second
)

// Shutdown ends Serve in order, as its context would, and waits for that end as long as ctx allows: then what is left is
// cut. Of several calls the first one's context counts. It returns what Serve returns, or nil, at once, when Serve was not
// called; a later Serve then returns ErrShutdown.
func (s *Server) Shutdown(ctx context.Context) error { return s.ending.ask(ctx) }

// ending is the end of Serve.
type ending struct {
	mu    sync.Mutex
	began bool
	asked chan struct{}   // closed when Shutdown is called
	limit context.Context // its context
	ended chan struct{}   // closed when Serve returns
	err   error           // what it returns
}

func newEnding() ending { return ending{asked: make(chan struct{}), ended: make(chan struct{})} }

// begin reports whether Serve may begin.
func (e *ending) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.began = true
	return e.limit == nil
}

// over says what Serve returns.
func (e *ending) over(err error) {
	e.err = err
	close(e.ended)
}

// by is the context that bounds the end, nil if nobody has called Shutdown.
func (e *ending) by() context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.limit
}

// wanted reports whether somebody has called Shutdown.
func (e *ending) wanted() bool { return e.by() != nil }

// ask asks for the end, and waits for it.
func (e *ending) ask(ctx context.Context) error {
	e.mu.Lock()
	if e.limit == nil {
		e.limit = ctx
		close(e.asked)
	}
	began := e.began
	e.mu.Unlock()
	if !began {
		return nil
	}
	<-e.ended
	return e.err
}

// startForeign serves with net/http what is not Engine.IO's, and returns what ends that: in order while the context
// allows. The error says that it did not.
func (s *Server) startForeign() (stop func(context.Context) error) {
	if s.front.foreign == nil {
		return func(context.Context) error { return nil }
	}
	srv := s.foreignServer()
	go func() { _ = srv.Serve(s.front.foreign) }()
	return func(ctx context.Context) error {
		err := srv.Shutdown(ctx)
		if err != nil {
			_ = srv.Close()
		}
		return err
	}
}

// awaitHandlers waits until no handler runs.
func (s *Server) awaitHandlers(ctx context.Context) error {
	quiet := s.workers.quiet()
	if quiet == nil {
		return nil
	}
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
