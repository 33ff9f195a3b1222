package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"starling/hub"
)

// service is what run runs: a server that listens.
type service struct {
	io     *hub.Server
	serve  func(context.Context) error
	ready  func()               // is called before anybody hears that it accepts
	drains <-chan time.Duration // over what time it drains unasked by its context; nil if nothing else can have it drain
}

// run has a service serve until ctx is done, or it ends by itself, and tells the log and systemd of its life.
func (c *transportFlags) run(ctx context.Context, log *slog.Logger, s service) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var announced sync.WaitGroup
	announced.Go(func() { c.announce(ctx, log, s) })
	go returnMemory(ctx, s.io)
	err := s.serve(ctx)
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
func (c *transportFlags) announce(ctx context.Context, log *slog.Logger, s service) {
	select {
	case <-s.io.Ready():
	case <-ctx.Done():
		return
	}
	s.ready()
	log.Info("listening", "addr", s.io.Addr().String(), "path", c.Path, "connections_max", s.io.ConnectionsMax(), "pid", os.Getpid())
	notify(log, daemon.SdNotifyReady)
	stopping := daemon.SdNotifyStopping
	select {
	case <-ctx.Done():
	case over := <-s.drains:
		stopping += "\n" + moreTime(over+c.DrainTimeout+stopMore)
	}
	notify(log, stopping)
	log.Info("stopping", "connections", s.io.Connections())
}

// stopMore is how much longer than its drain a service may take to end.
const stopMore = 30 * time.Second

// moreTime asks systemd for time (sd_notify(3), EXTEND_TIMEOUT_USEC=): it kills what is not gone TimeoutStopSec after it has said
// STOPPING=1, and a drain that it has not asked for itself may be longer.
func moreTime(d time.Duration) string { return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()) }

// notify tells systemd, if it was systemd that started us with Type=notify.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd cannot be told", "state", state, "error", err)
	}
}
