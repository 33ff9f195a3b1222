// Package metrics shows what a server does to Prometheus. docs/METRICS.md explains each metric.
//
// What the server counts itself is asked for when somebody scrapes; what happens around it is counted here as it happens.
// Labels have few values, all of which the programmer knows: never a room, a user, a socket id or an address, of which there
// are as many as there are clients.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"starling/gateway/webhook"
	"starling/hub"
)

// namespace is what the names of our metrics begin with.
const namespace = "starling"

// Config says where the figures come from. All functions may be called from several goroutines at once, and but for Stats
// must return at once. Of a field that is nil, or empty, there are no metrics.
type Config struct {
	// Stats asks the server, as hub.Server.Stats does.
	Stats func(context.Context) (hub.Stats, error)
	// ScrapeTime is how long a scrape waits for it; default ScrapeTimeDefault. Past it the scrape goes on with the figures that
	// there are, and starling_scrape_success is 0.
	ScrapeTime time.Duration
	// ConnectionsMax returns how many connections the server admits, as hub.Server.ConnectionsMax does.
	ConnectionsMax func() int
	// Webhook returns the counters of the calls to the backend.
	Webhook func() webhook.Stats
	// Memory returns what the memory guard says.
	Memory func() Memory
	// Draining tells whether the server is about to end.
	Draining func() bool

	// Version is that of the binary.
	Version string
	// Logger takes what goes wrong in a scrape; default slog.Default().
	Logger *slog.Logger
}

// Metrics are the metrics of one server, in a registry of their own. All methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler

	clientEvents *words[prometheus.Counter]
	tokens       *words[prometheus.Counter]
	connects     *words[prometheus.Counter]
	api          *words[apiOperation]

	webhookTook     *prometheus.HistogramVec
	webhookKinds    *words[string]
	webhookOutcomes *words[string]
}

// apiOperation is what is counted of one operation of the control API.
type apiOperation struct {
	took     prometheus.Observer
	requests *prometheus.CounterVec // by status
}

// New makes the metrics of a server.
func New(cfg Config) *Metrics {
	if cfg.ScrapeTime == 0 {
		cfg.ScrapeTime = ScrapeTimeDefault
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.addBuildInfo(cfg.Version)
	m.addSources(&cfg)
	m.addClients()
	m.addAPI()
	m.addWebhooks()
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelError),
		ErrorHandling: promhttp.ContinueOnError, // half a scrape says more than none
	})
	return m
}

// addSources adds what is asked for in a scrape.
func (m *Metrics) addSources(cfg *Config) {
	if cfg.Stats != nil {
		m.registry.MustRegister(newServer(cfg))
	}
	if cfg.ConnectionsMax != nil {
		most := gauge("connections_max", "Connections that the server admits.", func(n int) float64 { return float64(n) })
		m.registry.MustRegister(reader[int]{table[int]{most}, cfg.ConnectionsMax})
	}
	if cfg.Webhook != nil {
		m.registry.MustRegister(reader[webhook.Stats]{webhookTable, cfg.Webhook})
	}
	if cfg.Memory != nil {
		m.registry.MustRegister(reader[Memory]{memoryTable, cfg.Memory})
	}
	if cfg.Draining != nil {
		draining := gauge("draining", "Whether the server is about to end, and lets nobody in (1), or not (0).", boolean)
		m.registry.MustRegister(reader[bool]{table[bool]{draining}, cfg.Draining})
	}
}

func (m *Metrics) addBuildInfo(version string) {
	info := m.gauge("build_info", "Always 1; its labels say what was built, and with what.", "version", "goversion")
	info.WithLabelValues(version, runtime.Version()).Set(1)
}

func (m *Metrics) addClients() {
	events := m.counter("client_events_total", "Events of clients by what became of them: ok, or the code of the error that the client was told.", "outcome")
	m.clientEvents = newWords(func(outcome string) prometheus.Counter { return events.WithLabelValues(outcome) },
		"ok", "arguments_invalid", "room_name_invalid", "room_forbidden", "event_forbidden", "socket_unknown", "rooms_max",
		"rate_limited", "unavailable", "event_unknown")
	tokens := m.counter("tokens_refused_total", "Tokens that were refused, at a connect or later, by the code that the client was told.", "code")
	m.tokens = newWords(func(code string) prometheus.Counter { return tokens.WithLabelValues(code) },
		"token_required", "token_malformed", "token_signature", "token_expired", "token_not_yet_valid", "token_issuer", "token_audience",
		"token_claims", "token_user", "token_keys_unavailable")
	connects := m.counter("connects_refused_total", "Clients that were not let into a namespace for another reason than their token, by the code that they were told.", "code")
	m.connects = newWords(func(code string) prometheus.Counter { return connects.WithLabelValues(code) },
		"user_connections_max", "refused", "unavailable")
}

func (m *Metrics) addAPI() {
	requests := m.counter("api_requests_total", "Requests to the control API that were answered.", "operation", "status")
	took := m.histogram("api_request_duration_seconds", "Time from a request to the control API to the end of its answer.", apiBuckets, "operation")
	m.api = newWords(func(operation string) apiOperation {
		return apiOperation{
			took:     took.WithLabelValues(operation),
			requests: requests.MustCurryWith(prometheus.Labels{"operation": operation}),
		}
	})
}

func (m *Metrics) addWebhooks() {
	m.webhookTook = m.histogram("webhook_call_duration_seconds", "Time that calls to the backend took that were really made.", webhookBuckets, "kind", "outcome")
	same := func(word string) string { return word }
	m.webhookKinds, m.webhookOutcomes = newWords(same), newWords(same)
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// Handler answers scrapes in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler { return m.handler }

// ClientEvent counts an event of a client: "ok", or the code of the error that it was told. It takes no lock, and no memory for
// an outcome that was there before.
func (m *Metrics) ClientEvent(outcome string) { m.clientEvents.of(outcome).Inc() }

// TokenRefused counts a token that was refused, with the code of the refusal.
func (m *Metrics) TokenRefused(code string) { m.tokens.of(code).Inc() }

// ConnectRefused counts a client that was not let into a namespace for another reason than its token, with the code that it was
// told.
func (m *Metrics) ConnectRefused(code string) { m.connects.of(code).Inc() }

// ObserveAPI takes in a request of the control API that was answered: the operation's name, the status of the answer, and how
// long it took.
func (m *Metrics) ObserveAPI(operation string, status int, took time.Duration) {
	op := m.api.of(operation)
	op.took.Observe(took.Seconds())
	op.requests.WithLabelValues(statusWord(status)).Inc()
}

func statusWord(status int) string {
	if status < 100 || status > 599 { // RFC 9110 15
		return otherWord
	}
	return strconv.Itoa(status)
}

// ObserveWebhook takes in a call to the backend, as webhook.Config.Observe is told of it.
func (m *Metrics) ObserveWebhook(kind, outcome string, took time.Duration) {
	m.webhookTook.WithLabelValues(m.webhookKinds.of(kind), m.webhookOutcomes.of(outcome)).Observe(took.Seconds())
}
