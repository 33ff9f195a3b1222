package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"starling/bench/internal/ledger"
)

// Storm is the result of the storm scenario. A retry is an attempt that a server refused which was not there yet, or full; all
// else that went wrong is an error.
type Storm struct {
	Cut      string `json:"cut"`
	Back     int    `json:"back"`
	Upgraded int    `json:"upgraded"` // those of them whose session is carried by a WebSocket
	Proven   int    `json:"proven"`   // those that had an echo afterwards

	CutToFirstS float64  `json:"cut_to_first_attempt_s"`
	CutToLastS  float64  `json:"cut_to_last_back_s"` // wall_s is from the first attempt to the last client back
	DownS       *float64 `json:"server_down_s"`      // from the cut until the server accepted again
	StartCPUS   *float64 `json:"server_start_cpu_s"` // what it had used by then, which server_cpu_s does not hold

	Reconnect Spread `json:"reconnect"` // of one client: from its first request to back
	Attempt   Spread `json:"attempt"`   // the same, of the attempt that succeeded
	Away      Spread `json:"away"`      // from the loss of its connection to back

	Requests          int      `json:"http_requests"`
	RequestsPerClient float64  `json:"http_requests_per_client"`
	CPUUsPerClient    *float64 `json:"cpu_us_per_client"`

	RetriesSum      int            `json:"retries"`
	Retries         map[string]int `json:"retry_reasons"`
	ErrorsSum       int            `json:"errors"`
	Errors          map[string]int `json:"error_reasons"`
	ListenOverflows uint64         `json:"listen_overflows"` // connections the machine turned away: a queue of accepts was full

	RatioTo  string   `json:"ratio_to,omitempty"`  // the first server of the run
	CPURatio *float64 `json:"cpu_ratio,omitempty"` // of cpu_us_per_client
}

// Spread is how a time was spread over the clients.
type Spread struct {
	P50 float64 `json:"ms_p50"`
	P99 float64 `json:"ms_p99"`
	Max float64 `json:"ms_max"`
}

// SpreadOf reads the percentiles of a histogram.
func SpreadOf(l *ledger.Latency) Spread {
	return Spread{round(l.Quantile(50) / 1e3), round(l.Quantile(99) / 1e3), round(l.Max() / 1e3)}
}

// Seconds are a time's seconds to the tenth of a ms.
func Seconds(d time.Duration) float64 { return round(d.Seconds()) }

func (s Spread) text() string { return fmt.Sprintf("p50 %.1f p99 %.1f max %.1f", s.P50, s.P99, s.Max) }

// SetCPURatio enters what a client cost in proportion to another server's.
func (r *Report) SetCPURatio(to *Report) {
	if r.Storm == nil || to.Storm == nil {
		return
	}
	mine, theirs := r.CPUUsPerClient, to.CPUUsPerClient
	if mine != nil && theirs != nil && *theirs != 0 {
		ratio := round(*mine / *theirs)
		r.RatioTo, r.CPURatio = to.Target, &ratio
	}
}

func (s *Storm) ok(connections int) bool { return s.Back == connections && s.ErrorsSum == 0 }

func (s *Storm) text() string {
	parts := []string{fmt.Sprintf("%s: %d back (%d on WebSocket, %d proven), the last %.2f s after the cut",
		s.Cut, s.Back, s.Upgraded, s.Proven, s.CutToLastS)}
	if s.DownS != nil {
		parts = append(parts, fmt.Sprintf("server down for %.2f s", *s.DownS))
	}
	parts = append(parts, fmt.Sprintf("first attempt after %.2f s", s.CutToFirstS),
		"reconnect ms "+s.Reconnect.text(), "attempt ms "+s.Attempt.text(), "away ms "+s.Away.text(),
		fmt.Sprintf("%.2f requests/client, server %s us/client", s.RequestsPerClient, number(s.CPUUsPerClient)),
		fmt.Sprintf("retries %d%s, errors %d%s", s.RetriesSum, reasons(s.Retries), s.ErrorsSum, reasons(s.Errors)))
	if s.ListenOverflows > 0 {
		parts = append(parts, fmt.Sprintf("%d connections turned away by a full queue of accepts", s.ListenOverflows))
	}
	return strings.Join(parts, "; ")
}

// reasons lists counts by reason in parentheses.
func reasons(by map[string]int) string {
	if len(by) == 0 {
		return ""
	}
	parts := make([]string, 0, len(by))
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d x %s", by[reason], reason))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// WriteStormTable sets the storms of one run side by side. The ratios are to the first.
func WriteStormTable(w io.Writer, all []*Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "server\tback\tcut to last s\tfirst try to last s\tclient ms p50\tp99\trequests/client\tCPU us/client\tratio\tretries\terrors\t")
	for i, r := range all {
		s := r.Storm
		if s == nil {
			fmt.Fprintf(t, "%s\tno storm\t\t\t\t\t\t\t\t\t\t\n", r.Target)
			continue
		}
		ratio := number(s.CPURatio)
		if i == 0 {
			ratio = "1.00"
		}
		fmt.Fprintf(t, "%s\t%d/%d\t%.2f\t%.2f\t%.1f\t%.1f\t%.2f\t%s\t%s\t%d\t%d\t\n", r.Target, s.Back, r.Connections, s.CutToLastS, r.WallS,
			s.Reconnect.P50, s.Reconnect.P99, s.RequestsPerClient, number(s.CPUUsPerClient), ratio, s.RetriesSum, s.ErrorsSum)
	}
	return t.Flush()
}
