package hub

import (
	"context"
	"errors"
	"net"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// Listen claims an address, "host:port"; port 0 picks one. Nobody is accepted before Serve. The error says which option
// or which part of the system is in the way; it is ErrListening for a second address, and ErrShutdown after Shutdown.
func (s *Server) Listen(addr string) error {
	if addr == "" {
		addr = ":0" // as package net understands it
	}
	return s.prepare(addr)
}

// prepare makes the loops, which listen nowhere if addr is "".
func (s *Server) prepare(addr string) error {
	if err := s.opts.validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.engine.Load() != nil:
		return ErrListening
	case s.wanted():
		return ErrShutdown
	}
	front, err := newFront(&s.opts)
	if err != nil {
		return err
	}
	s.front = front
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
		return err
	}
	cfg.SessionsMax = engine.ConnectionsMax()
	s.shards.Store(&shards)
	if err := s.joinCluster(); err != nil { // after all that may fail and be tried again: a node joins once
		s.shards.Store(nil)
		engine.Release()
		return err
	}
	s.engine.Store(engine)
	return nil
}

// busy is why handshakes are refused for now, 0 if they are not.
func (s *Server) busy() session.Cause {
	e := s.engine.Load()
	switch {
	case s.draining.Load() || e.Draining():
		return session.Draining
	case s.refusing.Load():
		return session.Refusing
	case e.Overloaded():
		return session.Overloaded
	case !s.front.admits():
		return session.TooFast
	}
	return 0
}

// RefuseSessions has new sessions be refused from now on, or be admitted again: clients that ask for one get status 503 with
// Retry-After, as while the server shuts down. Everything else goes on. It takes effect at once, on all loops, and may be
// called at any time.
func (s *Server) RefuseSessions(refuse bool) { s.refusing.Store(refuse) }

// Addr is the address that Listen has claimed, with the real port, or that of the listener given to ServeListener; nil
// before, and for a server that listens nowhere.
func (s *Server) Addr() net.Addr {
	e := s.engine.Load()
	if e == nil {
		return nil
	}
	if addr := s.addr.Load(); addr != nil {
		return *addr
	}
	return e.Addr()
}

// Ready is closed when the server serves: who connects from then on is accepted, and ServeHTTP has somebody to pass its
// requests to. It is the same channel at any time, also before Listen and Serve. If Serve returns before that, it is
// never closed.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Connections is how many connections are open: those that were accepted, and those that ServeHTTP has taken over.
func (s *Server) Connections() int {
	if e := s.engine.Load(); e != nil {
		return e.Connections()
	}
	return 0
}

// ConnectionsMax is the number of connections that the server admits; 0 before Listen or Serve.
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

// ListenAndServe is Listen and Serve.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	if err := s.Listen(addr); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// Serve serves until ctx is done or Shutdown is called, and then ends as Shutdown says, within Options.ShutdownTimeout and
// Options.DrainTime from when ctx is done. It returns nil after such an end, context.DeadlineExceeded (or the error of a
// Shutdown's context) when something had to be cut off, and any other error when the server ended by itself.
//
// Without Listen before, the server listens nowhere and gets its connections by ServeHTTP. Serve may be called once, and
// returns ErrListening the second time, ErrShutdown after Shutdown.
func (s *Server) Serve(ctx context.Context) error {
	if s.engine.Load() == nil {
		if err := s.prepare(""); err != nil {
			return err
		}
	}
	return s.serve(ctx, nil)
}

// ServeListener is Serve for the connections of a listener that somebody else has made: a socket that was inherited from a
// service manager, a Unix socket, or one of a test. It closes ln in any case. There must have been no Listen.
//
// The connections must be of type *net.TCPConn or *net.UnixConn: those of TLS, for instance, are not, and end the server
// with an error that says so, as does a listener that breaks or is closed, after an end in order. All options hold as they
// do with Listen, where each loop accepts its own connections and a new one costs some 15 us less (two cores of a shared
// virtual machine).
func (s *Server) ServeListener(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	if err := s.prepare(""); err != nil {
		return err
	}
	addr := ln.Addr()
	s.addr.Store(&addr)
	return s.serve(ctx, ln)
}

// serve runs what prepare has made.
func (s *Server) serve(ctx context.Context, ln net.Listener) error {
	if err := s.begin(); err != nil {
		return err
	}
	err := s.run(ctx, ln)
	s.finish(err)
	return err
}

// run is serve of a server that has never been run.
func (s *Server) run(ctx context.Context, ln net.Listener) error {
	defer s.workers.stop()
	defer s.leaveCluster()
	defer s.expireUntil()()
	engine := s.engine.Load()
	stopForeign := s.startForeign()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run() }()
	select { // one of them comes at once
	case <-engine.Ready():
		close(s.ready)
	case err := <-ended:
		return s.fallen(err, stopForeign)
	}
	var accepted chan error // nil: never
	if ln != nil {
		accepted = make(chan error, 1)
		go func() { accepted <- engine.Accept(ln) }()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case err := <-ended:
		return s.fallen(err, stopForeign)
	case err := <-accepted: // the listener is of no use any more
		cancel()
		return errors.Join(err, s.end(ctx, ended, stopForeign))
	case <-ctx.Done():
	case <-s.asked:
	}
	err := s.end(ctx, ended, stopForeign)
	if ln != nil {
		<-accepted
	}
	return err
}

// fallen ends a server whose loops have ended by themselves.
func (s *Server) fallen(err error, stopForeign func(context.Context) error) error {
	close(s.stopped)
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.ShutdownTimeout)
	defer cancel()
	_ = stopForeign(ctx)
	return err
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
