package expect

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"starling/bench/internal/report"
)

// nearMax is how many names are suggested for one that is unknown.
const nearMax = 5

// aliases are what people call a metric besides its name: the keys of the JSON line, and habits from other tools.
var aliases = map[string]string{
	"p999": "p99.9", "p9999": "p99.99", "p100": "max", "median": "p50",
	"latency_p50": "p50", "latency_p90": "p90", "latency_p99": "p99", "latency_p999": "p99.9", "latency_max": "max",
	"latency_us_p50": "p50", "latency_us_p90": "p90", "latency_us_p99": "p99", "latency_us_p999": "p99.9", "latency_us_p9999": "p99.99",
	"latency_us_max": "max",

	"loss": "lost", "duplicates": "duplicated", "doubled": "duplicated", "dups": "duplicated", "out_of_order": "reordered",
	"failures": "failed", "disconnects": "disconnected",

	"api_accepted_per_s": "api_accepted", "api_reply_us_p50": "api_reply_p50", "api_reply_us_p99": "api_reply_p99",
	"api_reply_us_max": "api_reply_max",

	"conn_per_s": "connects", "connects_per_s": "connects", "messages_per_s": "messages", "deliveries_per_s": "deliveries",
	"echoes_per_s": "echoes",

	"cpu_us_per_conn": "cpu_per_conn", "cpu_us_per_delivery": "cpu_per_delivery", "cpu_us_per_echo": "cpu_per_echo",
	"cpu_us_per_client": "cpu_per_client", "hold_cpu_us_per_conn_s": "cpu_per_idle_conn_s", "server_cpu_s": "server_cpu",

	"handshake_us_p50": "handshake_p50", "handshake_us_p99": "handshake_p99", "handshake_us_max": "handshake_max",
	"rss_bytes": "rss", "memory": "rss", "rss_bytes_per_conn": "rss_per_conn", "memory_per_conn": "rss_per_conn", "bytes_per_conn": "rss_per_conn",
	"generator_lag": "generator_lag_p99", "generator_lag_us_p99": "generator_lag_p99", "lag": "generator_lag_p99",
	"cut_to_last_back_s": "back_all",
}

// whole is what a count of a report is a part of.
type whole func(*report.Report) float64

// wholes are the metrics of which a percentage can be given.
var wholes = map[string]whole{
	"connected": connections, "failed": connections, "disconnected": connections, "back": connections,
	"lost": due, "duplicated": due, "reordered": due, "misrouted": due, "garbled": due, "delivered": due, "late": due,
	"rate_sent":   func(r *report.Report) float64 { return r.RateWanted },
	"server_busy": one, "client_busy": one,
}

func one(*report.Report) float64           { return 1 }
func connections(r *report.Report) float64 { return float64(r.Connections) }

// due is how many deliveries there should have been.
func due(r *report.Report) float64 {
	if r.Tally == nil {
		return 0
	}
	return float64(r.Delivered + r.Lost)
}

type metric = report.Metric

// catalogue knows every metric that any report can have, by its name: those of a report in which everything was measured.
var catalogue = sync.OnceValue(func() map[string]metric {
	var full report.Report
	fill(reflect.ValueOf(&full).Elem())
	all := make(map[string]metric)
	for _, m := range full.Metrics() {
		all[m.Name] = m
	}
	return all
})

// fill gives a value to each pointer that is in the struct or in one that it points to.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Pointer && f.CanSet() {
			f.Set(reflect.New(f.Type().Elem()))
			f = f.Elem()
		}
		if f.Kind() == reflect.Struct {
			fill(f)
		}
	}
}

// Names lists the metrics that a condition can be on, in alphabetical order.
func Names() []string {
	names := make([]string, 0, len(catalogue()))
	for name := range catalogue() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// lookup finds a metric by its name or an alias. The error suggests names.
func lookup(name string) (metric, error) {
	plain := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if m, ok := catalogue()[plain]; ok {
		return m, nil
	}
	if m, ok := catalogue()[aliases[plain]]; ok {
		return m, nil
	}
	suggestion := "have " + strings.Join(Names(), ", ")
	if near := nearest(plain); len(near) > 0 {
		suggestion = "perhaps " + strings.Join(near, ", ")
	}
	return metric{}, fmt.Errorf("%w %q: %s", ErrMetric, name, suggestion)
}

// nearest are the metrics whose names, or aliases, are a slip of the hand away from the text or hold it, the nearest first.
func nearest(text string) []string {
	away := make(map[string]int)
	consider := func(alias, name string) {
		if d, ok := slip(text, alias); ok {
			if best, known := away[name]; !known || d < best {
				away[name] = d
			}
		}
	}
	for name := range catalogue() {
		consider(name, name)
	}
	for alias, name := range aliases {
		consider(alias, name)
	}
	near := make([]string, 0, len(away))
	for name := range away {
		near = append(near, name)
	}
	slices.SortFunc(near, func(a, b string) int { return cmp.Or(cmp.Compare(away[a], away[b]), cmp.Compare(a, b)) })
	return near[:min(len(near), nearMax)]
}

// slip says how far a text is from a name, if it is near at all: a third of its letters wrong, or a part of the name.
func slip(text, name string) (away int, near bool) {
	away = distance(text, name)
	if away <= max(1, len(text)/3) {
		return away, true
	}
	return away, len(text) >= 3 && (strings.Contains(name, text) || strings.Contains(text, name))
}

// distance is how many letters must be put in, taken out or changed to make b of a (Levenshtein). One row of the table is enough.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
