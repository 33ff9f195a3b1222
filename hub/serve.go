package hub

import (
	"context"
	"errors"
	"net"

	"starling/eventloop"
)

// Listen claims an address, "host:port"; port 0 picks one. Nobody is accepted before Serve. The error says which option
// or which part of the system is in the way.
func (s *Server) Listen(addr string) error {
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
	return e.Overloaded() || e.Draining() || !s.front.admits()
}

// Addr is the address that Listen has claimed, with the real port; nil before.
func (s *Server) Addr() net.Addr {
	if e := s.engine.Load(); e != nil {
		return e.Addr()
	}
	return nil
}

// Ready is closed when the server accepts connections; nil before Listen.
func (s *Server) Ready() <-chan struct{} {
	if e := s.engine.Load(); e != nil {
		return e.Ready()
	}
	return nil
}

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

// ListenAndServe is Listen and Serve.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	if err := s.Listen(addr); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// Serve serves until ctx is done, and then ends in order: new connections are refused, clients are disconnected with
// ReasonServerShutdown, pending bytes are sent, handlers are waited for; all within Options.ShutdownTimeout. It returns
// nil after such an end, context.DeadlineExceeded when something had to be cut off, and any other error when the server
// ended by itself. It may be called once, after Listen.
func (s *Server) Serve(ctx context.Context) error {
	engine := s.engine.Load()
	if engine == nil {
		return errors.New("hub: Serve before Listen")
	}
	defer s.workers.stop()
	defer s.leaveCluster()
	defer s.expireUntil()()
	stopForeign := s.startForeign()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run() }()
	select {
	case err := <-ended:
		close(s.stopped)
		deadline, cancel := s.shutdownContext(ctx)
		defer cancel()
		_ = stopForeign(deadline)
		return err
	case <-ctx.Done():
	}
	deadline, cancel := s.shutdownContext(ctx)
	defer cancel()
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
	return context.WithTimeout(context.WithoutCancel(ctx), s.opts.ShutdownTimeout)
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
