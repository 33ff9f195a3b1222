package main

import (
	"context"
	"log/slog"

	"starling/hub"
)

// roomappCmd serves the built-in room application, in which anybody may do anything: for tests and floods.
type roomappCmd struct{ transportFlags }

// Run serves until SIGTERM or SIGINT.
func (c *roomappCmd) Run(std *surroundings, src *sources) error {
	if err := src.check(c); err != nil {
		return err
	}
	log := c.logger(std.err)
	src.warn(log)
	ctx, stop := untilSignal()
	defer stop()
	return c.serve(ctx, log)
}

// serve serves until ctx is done.
func (c *roomappCmd) serve(ctx context.Context, log *slog.Logger) error {
	opts := c.options(log)
	if c.Client {
		opts.ClientFiles = clientFiles(log)
	}
	io := hub.New(opts)
	newRoomApp(io)
	if err := io.Listen(c.Addr); err != nil {
		return c.explain(err)
	}
	return c.run(ctx, log, service{io: io, serve: io.Serve, ready: func() {}})
}
