package report

import "math"

// Direction says which way a metric is better.
type Direction int8

// The directions.
const (
	Neutral Direction = iota // it says what was done, not how well
	Lower
	Higher
)

// Metric is one number of a report by the name under which people speak of it.
type Metric struct {
	Name   string // stable, as a JSON key: "p99", "cpu_per_delivery"
	Unit   string // "us", "s", "bytes", "1/s", or "" for a count or a ratio
	Better Direction
	Value  float64
}

// Metrics lists what the report has measured, in a fixed order. What was not measured is not in it.
func (r *Report) Metrics() []Metric {
	var all metrics
	all.connections(r)
	all.costs(r)
	all.latencies(r)
	all.accounts(r)
	return all
}

// Metric is the one of that name, false if the report has not measured it.
func (r *Report) Metric(name string) (Metric, bool) {
	for _, m := range r.Metrics() {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// Median is that of values in ascending order; NaN if there are none.
func Median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

type metrics []Metric

func (m *metrics) add(name, unit string, better Direction, v float64) {
	*m = append(*m, Metric{name, unit, better, v})
}

func (m *metrics) addIf(name, unit string, better Direction, v *float64) {
	if v != nil {
		m.add(name, unit, better, *v)
	}
}

func (m *metrics) connections(r *Report) {
	m.add("connected", "", Higher, float64(r.Connected))
	m.add("failed", "", Lower, float64(r.Failed))
	m.add("disconnected", "", Lower, float64(r.Disconnected))
	m.add("refused", "", Lower, float64(r.Refused))
	if c := r.Connect; c != nil {
		m.add("connects", "1/s", Higher, c.ConnPerS)
		m.addIf("cpu_per_conn", "us", Lower, c.CPUUsPerConn)
		m.add("handshake_p50", "us", Lower, c.HandshakeP50)
		m.add("handshake_p99", "us", Lower, c.HandshakeP99)
		m.add("handshake_max", "us", Lower, c.HandshakeMax)
	}
	if i := r.Idle; i != nil {
		m.add("rss", "bytes", Lower, float64(i.RSS))
		m.add("rss_per_conn", "bytes", Lower, i.RSSPerConn)
		m.addIf("cpu_per_idle_conn_s", "us", Lower, i.HoldCPUUs)
	}
	if s := r.Slow; s != nil {
		m.add("rss_peak", "bytes", Lower, float64(s.RSSPeak))
		m.add("slow_disconnected", "", Neutral, float64(s.SlowCut))
	}
	if t := r.Trend; t != nil {
		m.add("rss_slope", "bytes/h", Lower, t.RSSSlope)
	}
	if s := r.Storm; s != nil {
		m.add("back", "", Higher, float64(s.Back))
		m.add("back_all", "s", Lower, s.CutToLastS)
		m.addIf("cpu_per_client", "us", Lower, s.CPUUsPerClient)
		m.add("errors", "", Lower, float64(s.ErrorsSum))
	}
}

func (m *metrics) costs(r *Report) {
	if d := r.Delivery; d != nil {
		m.add("messages", "1/s", Higher, d.MessagesPerS)
		m.add("deliveries", "1/s", Higher, d.DeliveriesPerS)
		m.addIf("cpu_per_delivery", "us", Lower, d.CPUUsPerDelivery)
	}
	if f := r.FindMax; f != nil {
		m.add("max_rate", "1/s", Higher, f.MaxRate)
	}
	if c := r.Churn; c != nil {
		m.add("churned", "1/s", Neutral, c.ChurnedPerS)
	}
	if e := r.Echo; e != nil {
		m.add("echoes", "1/s", Higher, e.EchoesPerS)
		m.addIf("cpu_per_echo", "us", Lower, e.CPUUsPerEcho)
	}
	m.addIf("server_cpu", "s", Lower, r.ServerCPUS)
	m.addIf("server_busy", "", Neutral, r.ServerBusy)
	m.add("client_busy", "", Neutral, r.ClientBusy)
}

func (m *metrics) latencies(r *Report) {
	if l := r.Latency; l != nil {
		m.add("p50", "us", Lower, l.P50)
		m.add("p90", "us", Lower, l.P90)
		m.add("p99", "us", Lower, l.P99)
		m.add("p99.9", "us", Lower, l.P999)
		m.add("p99.99", "us", Lower, l.P9999)
		m.add("max", "us", Lower, l.Max)
	}
	m.addIf("p99_to_quiet", "", Lower, r.ToQuiet)
	if o := r.Open; o != nil {
		m.add("rate_wanted", "1/s", Neutral, o.RateWanted)
		m.add("rate_sent", "1/s", Higher, o.RateSent)
		m.add("generator_lag_p99", "us", Neutral, o.LagP99)
		m.add("late", "", Lower, float64(o.Late))
		m.add("dropped", "", Lower, float64(o.Dropped))
	}
	if a := r.API; a != nil {
		m.add("api_accepted", "1/s", Higher, a.AcceptedPerS)
		m.add("api_reply_p50", "us", Lower, a.ReplyP50)
		m.add("api_reply_p99", "us", Lower, a.ReplyP99)
		m.add("api_reply_max", "us", Lower, a.ReplyMax)
		m.add("api_faults", "", Lower, float64(a.Faults))
		m.add("api_unanswered", "", Lower, float64(a.Unanswered))
		m.add("api_short", "", Lower, float64(a.Short))
	}
}

func (m *metrics) accounts(r *Report) {
	if t := r.Tally; t != nil {
		m.add("delivered", "", Higher, float64(t.Delivered))
		m.add("lost", "", Lower, float64(t.Lost))
		m.add("duplicated", "", Lower, float64(t.Duplicated))
		m.add("reordered", "", Lower, float64(t.Reordered))
		m.add("misrouted", "", Lower, float64(t.Misrouted))
		m.add("garbled", "", Lower, float64(t.Garbled))
	}
}
