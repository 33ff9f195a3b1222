// Package report is what a run came to, as one line for programs and one for people. The JSON keys are stable and carry their
// units; a value that was not measured is null or absent, never zero.
package report

import (
	"encoding/json"
	"io"
	"math"
	"slices"

	"starling/bench/internal/ledger"
)

// Schema is the version of the JSON line. It grows when a key changes its meaning or goes away.
const Schema = 2

// Report is one scenario against one server. The parts that do not belong to the scenario are nil.
type Report struct {
	Schema   int    `json:"schema"`
	ID       string `json:"id,omitempty"`    // unique in an output folder, and the beginning of the names of this report's files there
	Case     string `json:"case,omitempty"`  // which of several, in a suite or a table
	Round    int    `json:"round,omitempty"` // of several repetitions of the same, from 1
	Scenario string `json:"scenario"`
	Target   string `json:"target"` // "server", or "limit" for the raw server it is compared with
	Protocol string `json:"protocol"`
	URL      string `json:"url"`
	Threads  int    `json:"threads"`
	Procs    int    `json:"procs"`

	Connections  int            `json:"connections"` // wanted
	Connected    int            `json:"connected"`
	Failed       int            `json:"failed"`       // never got through the handshake
	Disconnected int            `json:"disconnected"` // ended by the other side while the run went on
	Refused      int            `json:"refused"`      // joins, leaves and echoes that were acknowledged with an error
	Failures     map[string]int `json:"failures"`     // all three, by errno, status or reason

	WallS      float64  `json:"wall_s"` // of the measured part; the CPU times are of the same part
	ServerCPUS *float64 `json:"server_cpu_s"`
	ClientCPUS float64  `json:"client_cpu_s"`
	ServerBusy *float64 `json:"server_busy"` // CPU seconds a second
	ClientBusy float64  `json:"client_busy"` // CPU seconds a second and event loop

	KernelDrops uint64 `json:"kernel_drops"` // packets the whole machine dropped meanwhile; TCP sends them again, late

	Depth     int `json:"depth,omitempty"`      // messages in flight: in all, or for each connection of an echo
	SizeBytes int `json:"size_bytes,omitempty"` // of the payload, less the protocol around it

	Transport string  `json:"transport,omitempty"` // how the clients came: "websocket", or "default" for the stock client's way by polling and an upgrade
	Seed      uint64  `json:"seed,omitempty"`      // of everything in the run that is random
	WarmupS   float64 `json:"warmup_s,omitempty"`  // before what is measured began

	*Open
	*API
	*Connect
	*Idle
	*Delivery
	*Echo
	*Storm
	*Churn
	*Slow
	*FindMax
	*Trend
	*Latency
	*ledger.Tally

	Error       string             `json:"error,omitempty"` // why the run came to no end
	Interrupted bool               `json:"interrupted,omitempty"`
	Stalled     string             `json:"stalled,omitempty"` // what did not arrive in time
	Invalid     string             `json:"invalid,omitempty"` // why rates and latencies say nothing about the server: the client was the bottleneck
	Unmet       []string           `json:"unmet,omitempty"`   // assertions that did not hold
	Ratio       map[string]float64 `json:"ratio_to_limit,omitempty"`

	Phases  []Phase  `json:"phases,omitempty"`
	ToQuiet *float64 `json:"p99_to_quiet,omitempty"` // the largest of theirs

	// What a folder keeps in files of its own. The histograms are in HDR's V2 compressed form (ledger.ImportLatency reads them) and
	// nil if nothing was recorded; those of a run with a timetable start from the intended time.
	Timeline     []Sample `json:"-"`
	LatencyHDR   []byte   `json:"-"`
	HandshakeHDR []byte   `json:"-"`
}

// Phase is a part of the measured time during which something was different: the rate, or what was done to the server.
type Phase struct {
	Name      string   `json:"name"`
	FromS     float64  `json:"from_s"` // since the beginning of what is measured
	ToS       float64  `json:"to_s"`
	Rate      float64  `json:"rate_wanted"` // messages a second
	Delivered uint64   `json:"delivered"`
	Latency   *Latency `json:"latency,omitempty"`      // nil if nothing was delivered
	Note      string   `json:"note,omitempty"`         // what came of it
	ToQuiet   *float64 `json:"p99_to_quiet,omitempty"` // its 99th percentile, as a multiple of the quiet phase's; nil but for attacks
}

// Connect is the result of the connect scenario.
type Connect struct {
	ConnPerS      float64  `json:"conn_per_s"`
	CPUUsPerConn  *float64 `json:"cpu_us_per_conn"`
	HandshakeP50  float64  `json:"handshake_us_p50"`
	HandshakeP99  float64  `json:"handshake_us_p99"`
	HandshakeP999 float64  `json:"handshake_us_p999"`
	HandshakeMax  float64  `json:"handshake_us_max"`
	Rounds        []Round  `json:"rounds"`
}

// Round is one of several rounds of connecting.
type Round struct {
	Connected    int      `json:"connected"`
	ConnPerS     float64  `json:"conn_per_s"`
	CPUUsPerConn *float64 `json:"cpu_us_per_conn"`
}

// Idle is the result of the idle scenario: the server's memory before, with, and after the connections.
type Idle struct {
	RSSBefore      int64    `json:"rss_before_bytes"`
	RSSAnonBefore  int64    `json:"rss_anon_before_bytes"`
	RSS            int64    `json:"rss_bytes"`
	RSSAnon        int64    `json:"rss_anon_bytes"`
	RSSPerConn     float64  `json:"rss_bytes_per_conn"`
	RSSAnonPerConn float64  `json:"rss_anon_bytes_per_conn"`
	HoldCPUUs      *float64 `json:"hold_cpu_us_per_conn_s"` // what one idle connection costs a second
	After          []After  `json:"after"`
}

// After is the server's memory some time after the connections were closed.
type After struct {
	S       float64 `json:"s"`
	RSS     int64   `json:"rss_bytes"`
	RSSAnon int64   `json:"rss_anon_bytes"`
}

// Delivery is the result of the broadcast and rooms scenarios.
type Delivery struct {
	Rooms            int      `json:"rooms"`
	Members          int      `json:"members"` // of each room
	Messages         uint64   `json:"messages"`
	MessagesPerS     float64  `json:"messages_per_s"`
	DeliveriesPerS   float64  `json:"deliveries_per_s"`
	CPUUsPerDelivery *float64 `json:"cpu_us_per_delivery"`
}

// Echo is the result of the echo scenario.
type Echo struct {
	Event        string   `json:"event"`
	Echoes       uint64   `json:"echoes"`
	EchoesPerS   float64  `json:"echoes_per_s"`
	CPUUsPerEcho *float64 `json:"cpu_us_per_echo"`
}

// Latency is from the sending of a message to its arrival. In a run with a timetable the sending is the intended one: a message
// that a stalled server or client kept from being sent has waited all the same.
type Latency struct {
	P50   float64 `json:"latency_us_p50"`
	P90   float64 `json:"latency_us_p90"`
	P99   float64 `json:"latency_us_p99"`
	P999  float64 `json:"latency_us_p999"`
	P9999 float64 `json:"latency_us_p9999"`
	Max   float64 `json:"latency_us_max"`
}

// LatencyOf reads the percentiles of a histogram.
func LatencyOf(l *ledger.Latency) *Latency {
	return &Latency{
		P50: round(l.Quantile(50)), P90: round(l.Quantile(90)), P99: round(l.Quantile(99)), P999: round(l.Quantile(99.9)),
		P9999: round(l.Quantile(99.99)), Max: round(l.Max()),
	}
}

// Open is what a run adds that sends by a timetable and not in answer to what has arrived.
type Open struct {
	RateWanted float64 `json:"rate_wanted"` // messages a second, all streams together
	RateSent   float64 `json:"rate_sent"`
	// How much later than intended the messages were sent: the generator's own fault.
	LagP50 float64 `json:"generator_lag_us_p50"`
	LagP99 float64 `json:"generator_lag_us_p99"`
	LagMax float64 `json:"generator_lag_us_max"`
	// How much later than it should have it has read what arrived, as far as it can tell: a loop that was held up.
	HeldP99 float64 `json:"generator_held_us_p99"`
	// The latencies as they would be without that.
	SentP50 float64 `json:"sent_latency_us_p50"`
	SentP99 float64 `json:"sent_latency_us_p99"`
	Late    uint64  `json:"late"` // deliveries that took longer than late_after_us
	LateUs  float64 `json:"late_after_us"`
	Unsent  uint64  `json:"unsent"`  // due while there was no connection to send it over
	Dropped int     `json:"dropped"` // connections that were lost and came back, where that is no failure
}

// SetHandshake reads the percentiles of the handshakes.
func (c *Connect) SetHandshake(l *ledger.Latency) {
	c.HandshakeP50, c.HandshakeP99 = round(l.Quantile(50)), round(l.Quantile(99))
	c.HandshakeP999, c.HandshakeMax = round(l.Quantile(99.9)), round(l.Max())
}

// Fail counts a connection that did not work out.
func (r *Report) Fail(reason string, n int) {
	if r.Failures == nil {
		r.Failures = make(map[string]int)
	}
	r.Failures[reason] += n
}

// OK says that the run was carried out, that every connection was made and kept, nothing refused, and every
// message delivered once, in order, and only where it was meant to; or that every client of a storm
// has come back, and nothing but the time was against it.
func (r *Report) OK() bool {
	return r.Error == "" && r.Failed == 0 && r.Disconnected == 0 && r.Refused == 0 && r.Stalled == "" && len(r.Unmet) == 0 &&
		(r.Tally == nil || r.FindMax != nil || r.Clean()) && (r.API == nil || r.FindMax != nil || r.API.ok()) && (r.Storm == nil || r.Storm.ok(r.Connections)) &&
		(r.FindMax == nil || r.MaxRate > 0)
}

// SetToQuiet sets the phases that are attacks beside the one of that name.
func (r *Report) SetToQuiet(quiet string, isAttack func(phase string) bool) {
	at := slices.IndexFunc(r.Phases, func(p Phase) bool { return p.Name == quiet && p.Latency != nil && p.Latency.P99 > 0 })
	if at < 0 {
		return
	}
	for i := range r.Phases {
		p := &r.Phases[i]
		if !isAttack(p.Name) {
			continue
		}
		times := math.Inf(1) // who hears nothing waits for ever
		if p.Latency != nil {
			times = p.Latency.P99 / r.Phases[at].Latency.P99
		}
		times = round(min(times, toQuietMax))
		p.ToQuiet = &times
		if r.ToQuiet == nil || *r.ToQuiet < times {
			r.ToQuiet = &times
		}
	}
}

// toQuietMax stands for all that is more: JSON has no infinity.
const toQuietMax = 1e9

// Per divides, and says null where there is nothing to divide or nothing to divide by.
func Per(total *float64, n, scale float64) *float64 {
	if total == nil || n == 0 {
		return nil
	}
	each := round(*total / n * scale)
	return &each
}

// Rate is n a second, 0 if no time passed.
func Rate(n, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return round(n / seconds)
}

// round keeps four decimals, which is more than any of the measurements has.
func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// WriteJSON writes the report as one line.
func (r *Report) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }
