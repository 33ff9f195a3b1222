package metrics

import "github.com/prometheus/client_golang/prometheus"

// row is a metric that is read from an S when somebody scrapes.
type row[S any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	each func(s S, emit emit)
}

// emit takes a value of a metric, with the values of its labels.
type emit func(value float64, labels ...string)

// table is a list of them.
type table[S any] []row[S]

// counter is a metric that only grows, until the server starts again.
func counter[S any](name, help string, value func(S) float64) row[S] {
	return counters(name, help, nil, func(s S, emit emit) { emit(value(s)) })
}

// counters is a counter with labels.
func counters[S any](name, help string, labels []string, each func(S, emit)) row[S] {
	return row[S]{describe(name, help, labels), prometheus.CounterValue, each}
}

// gauge is a metric that goes up and down.
func gauge[S any](name, help string, value func(S) float64) row[S] {
	return gauges(name, help, nil, func(s S, emit emit) { emit(value(s)) })
}

// gauges is a gauge with labels.
func gauges[S any](name, help string, labels []string, each func(S, emit)) row[S] {
	return row[S]{describe(name, help, labels), prometheus.GaugeValue, each}
}

func describe(name, help string, labels []string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// Describe is the first half of prometheus.Collector.
func (t table[S]) Describe(ch chan<- *prometheus.Desc) {
	for _, r := range t {
		ch <- r.desc
	}
}

// collect sends the values of all rows.
func (t table[S]) collect(s S, ch chan<- prometheus.Metric) {
	for _, r := range t {
		r.each(s, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(r.desc, r.kind, value, labels...)
		})
	}
}

// reader is a table whose figures can be had at any time.
type reader[S any] struct {
	table[S]
	read func() S
}

// Collect is the second half of prometheus.Collector.
func (r reader[S]) Collect(ch chan<- prometheus.Metric) { r.collect(r.read(), ch) }

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
