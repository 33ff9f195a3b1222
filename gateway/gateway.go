package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"
	xrate "golang.org/x/time/rate"

	"starling/gateway/access"
	"starling/gateway/control"
	"starling/gateway/guard"
	"starling/gateway/metrics"
	"starling/gateway/webhook"
	"starling/hub"
)

// Gateway is a server: what clients connect to, and the control API. Any goroutine may use it.
type Gateway struct {
	cfg      Config
	io       *hub.Server
	verifier *access.Verifier // nil: no token is believed
	backend  *webhook.Client  // nil: there are no webhooks
	keys     *control.Keys    // nil: there is no control API, as for the next two
	api      *control.API
	apiAddr  net.Listener
	metrics  *metrics.Metrics
	guard    *guard.Guard
	expiries *expiries[*hub.Socket]
	users    users
	comings  sync.Mutex               // one socket enters or leaves at a time
	waiting  map[*visitor]*hub.Socket // those that have come back, by whom they wait for
	nonsense xrate.Sometimes          // of the backend is logged
	dev      *development             // nil when it is meant seriously

	hooks         map[string]bool
	clientEvents  names
	webhookEvents names
	events, bytes rate
	started       time.Time
}

// New makes a gateway of a configuration. It reads keys and secrets, and listens nowhere yet; Close or Run ends it. The error
// is one of this package, of access, webhook, control or guard, and says what is wrong.
func New(ctx context.Context, cfg Config) (*Gateway, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	g := &Gateway{
		cfg: cfg, hooks: map[string]bool{},
		clientEvents: cfg.ClientEvents, webhookEvents: cfg.WebhookEvents,
		events: newRate(cfg.EventsRate, cfg.EventsBurst), bytes: newRate(cfg.BytesRate, cfg.BytesBurst),
		started: time.Now(), nonsense: xrate.Sometimes{First: 1, Interval: nonsenseTime},
	}
	g.expiries = newExpiries(time.Now, g.expired)
	for _, hook := range cfg.Hooks {
		g.hooks[hook] = true
	}
	if cfg.Dev {
		g.dev = newDevelopment(&g.cfg)
	}
	if err := g.connectParts(ctx); err != nil {
		g.Close()
		return nil, err
	}
	for _, name := range g.cfg.Namespaces {
		g.handle(g.io.Of(name))
	}
	return g, nil
}

// connectParts makes the parts and shows them to each other.
func (g *Gateway) connectParts(ctx context.Context) (err error) {
	opts := g.cfg.Hub
	opts.Handler = g.publicHandler()
	if len(g.cfg.Namespaces) > 1 { // the next one may need what the request said
		opts.ForgetHandshake = false
	}
	if opts.Recovery != nil { // a token may have expired meanwhile
		recovery := *opts.Recovery
		recovery.RunMiddleware = true
		opts.Recovery = &recovery
	}
	g.io = hub.New(opts)
	seen := metrics.Config{
		Stats: g.io.Stats, ConnectionsMax: g.io.ConnectionsMax, Memory: g.memory, Draining: g.io.Draining,
		Version: g.cfg.Version, Logger: g.cfg.Logger,
	}
	if g.cfg.Webhook != nil {
		seen.Webhook = func() webhook.Stats { return g.backend.Stats() }
	}
	g.metrics = metrics.New(seen)
	if g.cfg.Tokens != nil {
		if g.verifier, err = access.NewVerifier(ctx, *g.cfg.Tokens); err != nil {
			return err
		}
	}
	if g.cfg.Webhook != nil {
		hook := *g.cfg.Webhook
		hook.Observe, hook.Logger, hook.Version = g.metrics.ObserveWebhook, cmp.Or(hook.Logger, g.cfg.Logger), g.cfg.Version
		if hook.Secrets, err = g.webhookSecrets(); err != nil {
			return err
		}
		if g.backend, err = webhook.New(hook); err != nil {
			return err
		}
	}
	if g.guard, err = guard.New(guard.Config{
		Max: g.cfg.MemoryMax, Refuse: g.io.RefuseSessions, Shed: g.io.ShedSlowest, Logger: g.cfg.Logger,
	}); err != nil {
		return err
	}
	return g.makeAPI()
}

// webhookSecrets are those of the configuration and those in files.
func (g *Gateway) webhookSecrets() ([][]byte, error) {
	secrets := slices.Clone(g.cfg.Webhook.Secrets)
	for _, file := range g.cfg.WebhookSecretFiles {
		secret, err := access.SecretFromFile(file)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// makeAPI makes the control API, if there is to be one.
func (g *Gateway) makeAPI() (err error) {
	if g.cfg.APIAddr == "" {
		return nil
	}
	if g.keys, err = control.LoadKeys(g.cfg.APIKeyFile, g.cfg.APIKeys); err != nil {
		return err
	}
	cfg := control.Config{
		Server: g.io, Namespaces: g.cfg.Namespaces, Keys: g.keys, EventBytesMax: g.cfg.EventBytesMax,
		Drain: g.drain, Ready: g.Ready, Metrics: g.metrics.Handler(), MetricsOpen: g.cfg.MetricsPublic || isLoopback(g.cfg.APIAddr),
		Pprof: g.cfg.Pprof || g.cfg.Dev, Version: g.cfg.Version, Observe: g.metrics.ObserveAPI,
		Process: g.process, Logger: g.cfg.Logger,
	}
	if g.dev != nil {
		cfg.Root = g.playground()
	}
	g.api, err = control.New(cfg)
	return err
}

// isLoopback reports whether nobody from outside of this machine reaches an address.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Server is the server of package hub beneath.
func (g *Gateway) Server() *hub.Server { return g.io }

// APIAddr is the address that the control API has claimed, nil before Listen and without one.
func (g *Gateway) APIAddr() net.Addr {
	if g.apiAddr == nil {
		return nil
	}
	return g.apiAddr.Addr()
}

// Listen claims both addresses. Nobody is served before Run. An error of the clients' address is that of [hub.Server.Listen].
func (g *Gateway) Listen() error {
	if err := g.io.Listen(g.cfg.Addr); err != nil || g.api == nil {
		return err
	}
	ln, err := net.Listen("tcp", g.cfg.APIAddr)
	if err != nil {
		return &APIAddrError{err}
	}
	g.apiAddr = netutil.LimitListener(ln, apiPlaces(g.io.ConnectionsMax())) // further ones wait to be accepted
	return nil
}

// apiPlaces is how many connections the control API may have beside so many of clients: a part of the open files that are left, which
// calls to the backend and the rest of the process need too.
func apiPlaces(connections int) int {
	var files unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &files) // only a bad pointer fails
	left := int(min(files.Cur, math.MaxInt32)) - connections
	return min(max(left/apiFilesPart, apiConnectionsMin), apiConnectionsMax)
}

// APIAddrError is what Listen returns when the control API cannot have its address.
type APIAddrError struct{ Err error }

func (e *APIAddrError) Error() string { return fmt.Sprintf("gateway: the control API: %v", e.Err) }

// Unwrap returns Err.
func (e *APIAddrError) Unwrap() error { return e.Err }

// Run serves until ctx is done, or a drain was asked for, and then ends in order: Ready says no, the clients are disconnected as
// [hub.Server.Shutdown] says, webhooks that wait are sent, and last the control API ends. It returns what [hub.Server.Serve]
// returns. Listen must have been called; Run may be called once.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.Close()
	parts, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { g.expiries.run(parts) })
	running.Go(func() { g.guard.Run(parts) })
	endAPI := g.serveAPI()
	err := g.io.Serve(ctx)
	stop()
	running.Wait()
	if g.backend != nil {
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeMax)
		if dropped := g.backend.Close(flush); dropped > 0 {
			g.cfg.Logger.Warn("webhooks were not sent before the end", "dropped", dropped)
		}
		cancel()
	}
	endAPI()
	return err
}

// serveAPI serves the control API, and returns what ends it.
func (g *Gateway) serveAPI() (end func()) {
	if g.apiAddr == nil {
		return func() {}
	}
	srv := control.NewServer(g.api, g.cfg.Logger)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(g.apiAddr) }()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), apiEndTimeMax)
		defer cancel()
		if srv.Shutdown(ctx) != nil { // a stream goes on
			_ = srv.Close()
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			g.cfg.Logger.Error("the control API has ended by itself", "error", err)
		}
	}
}

// Close gives up what New and Listen have claimed, for a gateway that will not run. After Run it does nothing.
func (g *Gateway) Close() {
	if g.io != nil {
		_ = g.io.Shutdown(context.Background()) // a server that never served has nothing to wait for
	}
	if g.apiAddr != nil {
		_ = g.apiAddr.Close()
	}
	if g.verifier != nil {
		g.verifier.Close()
	}
	if g.backend != nil {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		g.backend.Close(done)
	}
}

// Reload reads files with keys and secrets again. Where something is wrong with one the old ones stay.
func (g *Gateway) Reload() error {
	var errs []error
	if g.verifier != nil {
		errs = append(errs, g.verifier.Reload())
	}
	if g.keys != nil {
		errs = append(errs, g.keys.Reload())
	}
	if g.backend != nil {
		secrets, err := g.webhookSecrets()
		if err == nil {
			err = g.backend.SetSecrets(secrets)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// errDraining and the others are why no new clients should be sent.
var (
	errStarting = errors.New("starting")
	errDraining = errors.New("draining")
	errMemory   = errors.New("short of memory")
)

// Ready says why no new clients should be sent here, and nil if they should.
func (g *Gateway) Ready() error {
	select {
	case <-g.io.Ready():
	default:
		return errStarting
	}
	switch {
	case g.io.Draining():
		return errDraining
	case g.guard.State() >= guard.Refusing:
		return errMemory
	case g.verifier != nil:
		return g.verifier.Ready()
	}
	return nil
}

// drain begins the end, with another pace than the configuration's, or hastens it.
func (g *Gateway) drain(over time.Duration) {
	if g.cfg.OnDrain != nil {
		g.cfg.OnDrain(over)
	}
	ctx, cancel := context.WithTimeout(context.Background(), over+cmp.Or(g.cfg.Hub.ShutdownTimeout, hub.ShutdownTimeoutDefault))
	go func() {
		defer cancel()
		_ = g.io.ShutdownOver(ctx, over)
	}()
}

// MemoryMax is how many bytes the process may use: what Config.MemoryMax or the process's cgroup says, 0 if neither does.
func (g *Gateway) MemoryMax() int64 { return g.guard.Reading().MaxBytes }

// memory is what the memory guard says, for the metrics.
func (g *Gateway) memory() metrics.Memory {
	r := g.guard.Reading()
	return metrics.Memory{State: r.State.String(), UsedBytes: r.UsedBytes, MaxBytes: r.MaxBytes}
}

// publicHandler answers what clients' port is asked beside Socket.IO: whether the server lives, for load balancers.
func (g *Gateway) publicHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerHealth(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answerHealth(w, g.Ready()) })
	return mux
}

func answerHealth(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, err)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
