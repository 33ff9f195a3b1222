package report

import "starling/bench/internal/ledger"

// SetLag reads how late the generator sent, and read what had arrived, and what the latencies would be without that.
func (o *Open) SetLag(lag, held, sent *ledger.Latency) {
	o.LagP50, o.LagP99, o.LagMax = round(lag.Quantile(50)), round(lag.Quantile(99)), round(lag.Max())
	o.HeldP99 = round(held.Quantile(99))
	o.SentP50, o.SentP99 = round(sent.Quantile(50)), round(sent.Quantile(99))
}

// Churn is how many members left and came again while the messages flowed.
type Churn struct {
	Churned           uint64  `json:"churned"`
	ChurnedPerS       float64 `json:"churned_per_s"`
	Reconnected       uint64  `json:"reconnected"`        // of those, by another connection; the others left their rooms and joined them again
	UpgradedMeanwhile uint64  `json:"upgraded_meanwhile"` // of those, by polling: in their rooms before they went over to WebSocket
	PolledMeanwhile   uint64  `json:"polled_meanwhile"`   // messages that they got by then
}

// Slow is what became of members that stopped reading.
type Slow struct {
	SlowMembers int   `json:"slow_members"`
	SlowCut     int   `json:"slow_disconnected"` // by the server
	RSSPeak     int64 `json:"rss_peak_bytes"`    // of the server, in any second of the run
}

// FindMax is the search for the highest rate at which the latencies stay under a limit.
type FindMax struct {
	P99LimitUs float64 `json:"p99_limit_us"`
	MaxRate    float64 `json:"max_rate"` // messages a second; 0 if no rate passed
	Steps      []Step  `json:"steps"`
}

// Step is one rate that was tried.
type Step struct {
	Rate       float64  `json:"rate"`
	OK         bool     `json:"ok"`
	P99        float64  `json:"latency_us_p99"`
	LagP99     float64  `json:"generator_lag_us_p99"`
	Lost       uint64   `json:"lost"`
	Dropped    int      `json:"dropped"`
	ServerBusy *float64 `json:"server_busy"`
}

// Trend is whether the server's memory grows with time, as far as a straight line can tell.
type Trend struct {
	RSSSlope float64 `json:"rss_slope_bytes_per_hour"`
	RSSFrom  int64   `json:"rss_from_bytes"` // at the beginning and the end of what was measured
	RSSTo    int64   `json:"rss_to_bytes"`
}

// SetTrend reads the trend from the timeline, behind the first of its measured seconds in which a server still grows to its size. A run
// of less than a minute has none.
func (r *Report) SetTrend(slope func(x, y []float64) float64) {
	var at, rss []float64
	for _, s := range r.Timeline {
		if s.AtS > trendSkipS && s.ServerRSS > 0 {
			at, rss = append(at, s.AtS), append(rss, float64(s.ServerRSS))
		}
	}
	if len(at) < trendSecondsMin {
		return
	}
	r.Trend = &Trend{RSSSlope: round(slope(at, rss) * 3600), RSSFrom: int64(rss[0]), RSSTo: int64(rss[len(rss)-1])}
}

// What a trend is read from.
const (
	trendSkipS      = 10
	trendSecondsMin = 60
)
