package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"

	"starling/hub"
)

// roomappCmd serves the built-in room application, in which anybody may do anything: for tests and floods.
type roomappCmd struct{ transportFlags }

// Run serves until SIGTERM or SIGINT.
func (c *roomappCmd) Run(std *streams) error {
	ctx, stop := untilSignal()
	defer stop()
	return c.serve(ctx, std.err)
}

// serve serves until ctx is done.
func (c *roomappCmd) serve(ctx context.Context, logTo io.Writer) error {
	log := c.logger(logTo)
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	opts := c.options(log)
	if c.Client {
		opts.ClientFiles = clientFiles(log)
	}
	io := hub.New(opts)
	newRoomApp(io)
	if err := io.Listen(c.Addr); err != nil {
		return c.explain(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var announced sync.WaitGroup
	announced.Go(func() { c.announce(ctx, io, log) })
	go returnMemory(ctx, io)
	err := io.Serve(ctx)
	cancel()
	announced.Wait() // so that the last line of the log tells the end
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("not everything had ended by --drain-timeout", "drain_timeout", c.DrainTimeout)
		return nil
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// announce logs that the server accepts, and when it begins to stop.
func (c *roomappCmd) announce(ctx context.Context, io *hub.Server, log *slog.Logger) {
	select {
	case <-io.Ready():
	case <-ctx.Done():
		return
	}
	log.Info("listening", "addr", io.Addr().String(), "path", c.Path, "connections_max", io.ConnectionsMax(), "pid", os.Getpid())
	<-ctx.Done()
	log.Info("stopping", "connections", io.Connections())
}
