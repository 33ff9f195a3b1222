// Package expect holds reports to what was expected of them: conditions like p99<20ms, lost=0, rss_per_conn<4KiB on one report, and
// conditions like p99>+10% on the step from one report to another. The names are those of report.Metrics and a few that people use
// as well. A condition on something that was not measured does not hold; nothing passes because it is missing.
package expect

import (
	"errors"
	"fmt"
	"strings"

	"starling/bench/internal/expect/quantity"
	"starling/bench/internal/report"
)

// The rules of an expression.
var (
	ErrSyntax   = errors.New("expect: want a metric, one of < <= > >= = !=, and a value, as in p99<20ms")
	ErrMetric   = errors.New("expect: unknown metric")
	ErrValue    = errors.New("expect: the value cannot be read")
	ErrUnit     = errors.New("expect: the value's unit is not the metric's")
	ErrPercent  = errors.New("expect: no whole to take a percentage of")
	ErrRelative = errors.New("expect: want a metric, > or <, and a percentage, as in p99>+10% or deliveries<-5%")
)

// Expectation is a condition on one report. The zero value is none; Parse makes them.
type Expectation struct {
	metric string
	op     op
	want   float64 // in the metric's unit, or, if whole is set, a share of it
	whole  whole
	text   string
}

// Parse reads one condition: a metric's name, one of < <= > >= = == !=, and a value with a unit. A time needs one (20ms), since a
// bare number could be microseconds or milliseconds; bytes and counts do not. A percentage is of what the metric is a part of:
// lost<0.1% is of the deliveries that were due, connected>=99% of the connections wanted, server_busy<80% of one processor.
func Parse(text string) (Expectation, error) {
	name, op, value, ok := split(text)
	if !ok {
		return Expectation{}, fmt.Errorf("%w, not %q", ErrSyntax, text)
	}
	m, err := lookup(name)
	if err != nil {
		return Expectation{}, err
	}
	q, err := quantity.Parse(value)
	if err != nil {
		return Expectation{}, fmt.Errorf("%w: %q: %w", ErrValue, text, err)
	}
	e := Expectation{metric: m.Name, op: op, text: m.Name + string(op) + strings.Join(strings.Fields(value), "")}
	if q.Kind == quantity.Percent && q.Per == "" {
		e.want = q.Value / 100
		if e.whole = wholes[m.Name]; e.whole == nil {
			return Expectation{}, fmt.Errorf("%w: %q", ErrPercent, text)
		}
		return e, nil
	}
	if e.want, err = convert(q, m); err != nil {
		return Expectation{}, err
	}
	return e, nil
}

// ParseAll reads the values of a flag that may be repeated, each of which may hold several conditions with commas between.
func ParseAll(texts ...string) ([]Expectation, error) { return parseAll(texts, Parse) }

func parseAll[T any](texts []string, parse func(string) (T, error)) ([]T, error) {
	var all []T
	for _, text := range texts {
		for part := range strings.SplitSeq(text, ",") {
			one, err := parse(part)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// split takes an expression apart at its operator.
func split(text string) (name string, o op, value string, ok bool) {
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return "", "", "", false
	}
	name, rest := strings.TrimSpace(text[:at]), text[at:]
	for _, o := range operators {
		if value, found := strings.CutPrefix(rest, string(o)); found {
			value = strings.TrimSpace(value)
			if o == "==" {
				o = "="
			}
			return name, o, value, name != "" && value != ""
		}
	}
	return "", "", "", false
}

// convert brings a value into the metric's unit.
func convert(q quantity.Quantity, m report.Metric) (float64, error) {
	base, per, _ := strings.Cut(m.Unit, "/")
	if q.Per != "" && q.Per != per {
		return 0, unitError(q, m)
	}
	switch {
	case q.Kind == quantity.Number && (q.Value == 0 || base != "us" && base != "s"):
		return q.Value, nil
	case q.Kind == quantity.Time && base == "us", q.Kind == quantity.Bytes && base == "bytes":
		return q.Value, nil
	case q.Kind == quantity.Time && base == "s":
		return q.Value / 1e6, nil
	}
	return 0, unitError(q, m)
}

func unitError(q quantity.Quantity, m report.Metric) error {
	example, ok := map[string]string{"us": "20ms", "s": "20s", "bytes": "4KiB", "bytes/h": "1MiB/h", "1/s": "100k/s", "": "5 or 2k"}[m.Unit]
	if !ok {
		example = "a number"
	}
	return fmt.Errorf("%w: %s is given as %s, not as a %s", ErrUnit, m.Name, example, q.Kind)
}

// Metric is the name of the metric that the condition is on, as report.Metrics has it.
func (e Expectation) Metric() string { return e.metric }

// String is the condition with the metric's own name and without blanks; Parse reads it.
func (e Expectation) String() string { return e.text }

// Check holds a report to the condition. Why says what was measured, also if the condition holds. It does not hold if the metric was
// not measured, if the run came to no end, or if the run is invalid and the metric one of those that this is about.
func (e Expectation) Check(r *report.Report) (ok bool, why string) {
	m, found := r.Metric(e.metric)
	switch {
	case r.Error != "":
		return false, fmt.Sprintf("%s: the run came to no end: %s", e.text, r.Error)
	case !found:
		return false, fmt.Sprintf("%s: %s was not measured in %s", e.text, e.metric, r.Scenario)
	case r.Invalid != "" && Timed(m):
		return false, fmt.Sprintf("%s: %s is %s, and says nothing: the run is invalid: %s", e.text, e.metric, quantity.Format(m.Value, m.Unit), r.Invalid)
	}
	value, shown := m.Value, quantity.Format(m.Value, m.Unit)
	if e.whole != nil {
		of := e.whole(r)
		if of <= 0 {
			return false, fmt.Sprintf("%s: there is nothing to take a percentage of", e.text)
		}
		value = m.Value / of
		shown = fmt.Sprintf("%s (%.4g%%)", shown, value*100)
	}
	return e.op.holds(value, e.want), fmt.Sprintf("%s: %s is %s", e.text, e.metric, shown)
}

// Unmet is what does not hold of several conditions: the reasons, for report.Report.Unmet.
func Unmet(all []Expectation, r *report.Report) []string {
	var unmet []string
	for _, e := range all {
		if ok, why := e.Check(r); !ok {
			unmet = append(unmet, why)
		}
	}
	return unmet
}

// Timed says whether an invalid run spoils a metric: rates and times that a busy client stretches. What the server spent on each of
// its tasks, its memory and the accounts stand all the same.
func Timed(m report.Metric) bool {
	base, _, isRate := strings.Cut(m.Unit, "/")
	if strings.Contains(m.Name, "cpu") || base == "bytes" {
		return false
	}
	return isRate || base == "us" || base == "s" || m.Name == "late"
}
