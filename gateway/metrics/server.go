package metrics

import (
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"starling/hub"
)

// The labels that several metrics share.
var (
	loopLabel      = []string{"loop"}
	transportLabel = []string{"transport"}
)

// snapshot is what is read of a server in one scrape.
type snapshot struct {
	hub.Stats
	sum hub.LoopStats
}

// total is a figure of all loops together.
func total(value func(*hub.LoopStats) float64) func(*snapshot) float64 {
	return func(s *snapshot) float64 { return value(&s.sum) }
}

// perLoop is a figure of each loop.
func perLoop(value func(*hub.LoopStats) float64) func(*snapshot, emit) {
	return func(s *snapshot, emit emit) {
		for i := range s.Loops {
			emit(value(&s.Loops[i]), strconv.Itoa(i))
		}
	}
}

// serverTable are the figures that the server counts itself.
var serverTable = table[*snapshot]{
	gauge("connections", "Open connections: TCP connections, those that poll and those that have not said what they want among them.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Connections) })),
	gauges("sessions", "Engine.IO sessions, by the transport that they have now.", transportLabel, func(s *snapshot, emit emit) {
		emit(float64(s.sum.PollingSessions), "polling")
		emit(float64(s.sum.WebSocketSessions), "websocket")
	}),
	gauge("sockets", "Connected Socket.IO sockets, in all namespaces.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Sockets) })),
	counters("sessions_begun_total", "Sessions that have begun, by the transport that they began with.", transportLabel, func(s *snapshot, emit emit) {
		emit(float64(s.sum.BegunPolling), "polling")
		emit(float64(s.sum.BegunWebSocket), "websocket")
	}),
	counter("sessions_upgraded_total", "Sessions that have gone over from polling to a WebSocket.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Upgraded) })),
	counters("sessions_closed_total", "Sessions that have ended, by why.", []string{"reason"}, func(s *snapshot, emit emit) {
		for reason, n := range s.Closed {
			emit(float64(n), string(reason))
		}
	}),
	counters("requests_refused_total", "Requests to begin a session and requests of sessions that were refused, and connections that were turned away, by why.",
		[]string{"cause"}, func(s *snapshot, emit emit) {
			for cause, n := range s.Refused {
				emit(float64(n), string(cause))
			}
		}),

	counter("events_received_total", "Events of clients that were taken in.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Events) })),
	counter("acks_received_total", "Acknowledgements that came from clients while somebody waited for them.",
		total(func(l *hub.LoopStats) float64 { return float64(l.AcksIn) })),
	counter("acks_sent_total", "Acknowledgements that were sent to clients.",
		total(func(l *hub.LoopStats) float64 { return float64(l.AcksOut) })),
	counter("deliveries_total", "Events that were queued for a socket: one event to 100 sockets is 100.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Deliveries) })),
	counters("deliveries_dropped_total", "Events that were not queued for a socket because its client does not keep up; for one that was not volatile the client is disconnected.",
		[]string{"kind"}, func(s *snapshot, emit emit) {
			emit(float64(s.sum.DroppedVolatile), "volatile")
			emit(float64(s.sum.Dropped), "reliable")
		}),
	gauge("blocked_connections", "Connections whose client does not read as fast as it is sent to.",
		total(func(l *hub.LoopStats) float64 { return float64(l.BlockedConnections) })),
	gauge("pending_bytes", "Bytes that wait for clients that do not keep up, and for clients that poll.",
		total(func(l *hub.LoopStats) float64 { return float64(l.PendingBytes) })),

	counter("reads_total", "Reads from connections.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Reads) })),
	counter("received_bytes_total", "Bytes that were read from connections.",
		total(func(l *hub.LoopStats) float64 { return float64(l.BytesIn) })),
	counter("flushes_total", "Times that what was queued for a connection was written.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Flushes) })),
	counter("writes_total", "System calls that wrote to connections.",
		total(func(l *hub.LoopStats) float64 { return float64(l.Writes) })),
	counter("sent_bytes_total", "Bytes that were written to connections.",
		total(func(l *hub.LoopStats) float64 { return float64(l.BytesOut) })),
	counter("panics_total", "Panics of handlers that were caught.", func(s *snapshot) float64 { return float64(s.Panics) }),

	gauges("loop_connections", "Open connections of a loop.", loopLabel,
		perLoop(func(l *hub.LoopStats) float64 { return float64(l.Connections) })),
	gauges("loop_tasks", "Tasks that wait for a loop: broadcasts, emits and questions of other goroutines.", loopLabel,
		perLoop(func(l *hub.LoopStats) float64 { return float64(l.Tasks) })),
	gauges("loop_wait_seconds", "How long a loop took to answer this scrape: how far behind it is.", loopLabel,
		perLoop(func(l *hub.LoopStats) float64 { return l.Wait.Seconds() })),
	gauges("loop_late_max_seconds", "By how much the worst tick of a loop was late since somebody has asked before: how long something has held it.", loopLabel,
		perLoop(func(l *hub.LoopStats) float64 { return l.LateMax.Seconds() })),
	counters("loop_ticks_total", "Ticks of a loop's clock, ten in a second unless it is held.", loopLabel,
		perLoop(func(l *hub.LoopStats) float64 { return float64(l.Ticks) })),
	counters("loop_late_seconds_total", "By how much the ticks of a loop's clock were late, all together.", loopLabel,
		perLoop(func(l *hub.LoopStats) float64 { return l.Late.Seconds() })),
	gauges("loop_held", "Whether a loop did not answer this scrape in time (1), so that its figures are older, or did (0).", loopLabel,
		perLoop(func(l *hub.LoopStats) float64 { return boolean(l.Held) })),
}

// scrapeTable says how the scrape itself went.
var scrapeTable = table[bool]{
	gauge("scrape_success", "Whether all loops answered this scrape in time (1); else figures of the server are old, or missing (0).", boolean),
}

// server is the collector of what the server counts.
type server struct {
	source source[hub.Stats]
	log    *slog.Logger
	failed atomic.Bool // the last scrape; so that a failure is logged once and not with each scrape
}

func newServer(cfg *Config) *server {
	return &server{source: source[hub.Stats]{ask: cfg.Stats, timeMax: cfg.ScrapeTime}, log: cfg.Logger}
}

// Describe is the first half of prometheus.Collector.
func (s *server) Describe(ch chan<- *prometheus.Desc) {
	serverTable.Describe(ch)
	scrapeTable.Describe(ch)
}

// Collect is the second half.
func (s *server) Collect(ch chan<- prometheus.Metric) {
	stats, err := s.source.get()
	if stats != nil {
		serverTable.collect(&snapshot{Stats: *stats, sum: stats.Total()}, ch)
	}
	scrapeTable.collect(err == nil, ch)
	failed := err != nil && !errors.Is(err, hub.ErrShutdown) // of which the log has the end already
	if s.failed.Swap(failed) != failed {
		s.tell(err)
	}
}

func (s *server) tell(err error) {
	if s.failed.Load() {
		s.log.Warn("the figures of the server are old or missing in metrics", "error", err)
		return
	}
	s.log.Info("the figures of the server are whole again in metrics")
}
