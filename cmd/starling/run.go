package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/coreos/go-systemd/v22/daemon"

	"starling/hub"
)

// run has a server that listens serve until ctx is done, and tells the log and systemd of its life. ready is called before
// they hear that it accepts.
func (c *transportFlags) run(ctx context.Context, log *slog.Logger, io *hub.Server, serve func(context.Context) error, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var announced sync.WaitGroup
	announced.Go(func() { c.announce(ctx, log, io, ready) })
	go returnMemory(ctx, io)
	err := serve(ctx)
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

// announce tells that the server accepts, and when it begins to stop.
func (c *transportFlags) announce(ctx context.Context, log *slog.Logger, io *hub.Server, ready func()) {
	select {
	case <-io.Ready():
	case <-ctx.Done():
		return
	}
	ready()
	log.Info("listening", "addr", io.Addr().String(), "path", c.Path, "connections_max", io.ConnectionsMax(), "pid", os.Getpid())
	notify(log, daemon.SdNotifyReady)
	<-ctx.Done()
	notify(log, daemon.SdNotifyStopping)
	log.Info("stopping", "connections", io.Connections())
}

// notify tells systemd, if it was systemd that started us with Type=notify.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd cannot be told", "state", state, "error", err)
	}
}
