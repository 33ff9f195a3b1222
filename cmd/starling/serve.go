package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"starling/gateway"
	"starling/gateway/guard"
)

// serveCmd serves clients for a backend.
type serveCmd struct{ serveFlags }

// Run serves until SIGTERM or SIGINT. SIGHUP has files with keys and secrets read again.
func (c *serveCmd) Run(std *surroundings, src *sources) error {
	if err := src.check(c); err != nil {
		return err
	}
	log := c.logger(std.err)
	src.warn(log)
	c.warn(log)
	hangups, ignore := hangups()
	defer ignore()
	ctx, stop := untilSignal()
	defer stop()
	return c.serve(ctx, log, std.out, hangups)
}

// warn logs what is no mistake, and may be one all the same.
func (c *serveCmd) warn(log *slog.Logger) {
	if c.Dev && !(isLocal(c.Addr) && (c.APIAddr == "" || isLocal(c.APIAddr))) {
		log.Warn("--dev is not for this machine alone: whoever reaches it may do nearly everything", "addr", c.Addr, "api_addr", c.APIAddr)
	}
	if c.WebhookURL != "" && c.WebhookSecret == "" && len(c.WebhookSecretFile) == 0 {
		log.Warn("webhooks are not signed, so that the backend cannot tell who calls: give --webhook-secret-file")
	}
}

// isLocal reports whether nobody from outside of this machine reaches an address.
func isLocal(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// serve serves until ctx is done.
func (c *serveCmd) serve(ctx context.Context, log *slog.Logger, out io.Writer, hangups <-chan os.Signal) error {
	cfg := c.gatewayConfig(log)
	if c.Client {
		cfg.Hub.ClientFiles = clientFiles(log)
	}
	drains := make(chan time.Duration, 1)
	cfg.OnDrain = func(over time.Duration) {
		select {
		case drains <- over:
		default: // one that is hastened takes no longer than was said
		}
	}
	g, err := gateway.New(ctx, cfg)
	if err != nil {
		return usageError{err}
	}
	if err := g.Listen(); err != nil {
		g.Close()
		return c.explain(err)
	}
	if limit, set := guard.SetGoLimit(g.MemoryMax(), g.Server().ConnectionsMax()); set {
		log.Info("GOMEMLIMIT is set", "bytes", limit, "memory_max", g.MemoryMax())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go reloadAt(ctx, hangups, g, log)
	return c.run(ctx, log, service{io: g.Server(), serve: g.Run, ready: func() { c.announceAPI(g, log, out) }, drains: drains})
}

// explain names the flag that would help when the server cannot listen.
func (c *serveCmd) explain(err error) error {
	var api *gateway.APIAddrError
	if errors.As(err, &api) {
		return fmt.Errorf("cannot listen on --api-addr %s: %w", c.APIAddr, api.Err)
	}
	return c.transportFlags.explain(err)
}

// announceAPI tells where the control API is, and with --dev what to do with it.
func (c *serveCmd) announceAPI(g *gateway.Gateway, log *slog.Logger, out io.Writer) {
	if addr := g.APIAddr(); addr != nil {
		log.Info("control API listening", "addr", addr.String())
	}
	if c.Dev {
		c.greet(g, out)
	}
}

// greet prints what a developer needs for the first five minutes.
func (c *serveCmd) greet(g *gateway.Gateway, out io.Writer) {
	fmt.Fprintf(out, "starling %s  socket.io v4 clients on  http://%s   (open files %d, %d loops, %s)\n",
		versionText(), gateway.LocalAddr(g.Server().Addr()), openFiles(), c.loops(), kernel())
	if g.APIAddr() == nil {
		return
	}
	api, key := gateway.LocalAddr(g.APIAddr()), g.DevKey()
	fmt.Fprintf(out, "control API      http://%s    key %s   (this run only)\n", api, key)
	fmt.Fprintf(out, "playground       http://%s/   <- open me\n", api)
	fmt.Fprintf(out, "try:  curl -H 'Authorization: Bearer %s' %s/v1/broadcast -d '{\"event\":\"hi\",\"data\":{\"n\":1}}'\n", key, api)
}

// loops is how many event loops there are.
func (c *transportFlags) loops() int {
	if c.Loops > 0 {
		return c.Loops
	}
	return runtime.GOMAXPROCS(0)
}

// openFiles is how many files the process may have open; package hub has raised it as far as it goes.
func openFiles() uint64 {
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) // only a bad pointer fails
	return limit.Cur
}

// kernel is the system's name and version, "linux 6.8.0".
func kernel() string {
	var name unix.Utsname
	_ = unix.Uname(&name) // only a bad pointer fails
	return runtime.GOOS + " " + unix.ByteSliceToString(name.Release[:])
}

// reloader is a gateway, as far as a hangup is concerned.
type reloader interface {
	// Reload reads keys and secrets again; with an error the old ones stay.
	Reload() error
}

// reloadAt has keys and secrets read again at each hangup, until ctx is done.
func reloadAt(ctx context.Context, hangups <-chan os.Signal, g reloader, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			reload(g, log)
		}
	}
}

// reload reads keys and secrets again, and tells systemd when it begins and ends (sd_notify(3), RELOADING=1).
func reload(g reloader, log *slog.Logger) {
	notify(log, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
	if err := g.Reload(); err != nil {
		log.Error("some keys or secrets cannot be read again and stay as they are", "error", err)
	} else {
		log.Info("keys and secrets were read again")
	}
	notify(log, daemon.SdNotifyReady)
}
