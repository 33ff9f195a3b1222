package expect

import (
	"fmt"
	"math"
	"strings"

	"starling/bench/internal/expect/quantity"
	"starling/bench/internal/report"
)

// Relative is a condition on the step from one report to another, under which a comparison fails: p99>+10% if p99 has grown by more
// than a tenth, deliveries<-5% if the rate has fallen by more than a twentieth.
type Relative struct {
	metric string
	op     op
	change float64 // 0.1 is 10 % more
	text   string
}

// ParseRelative reads one such condition: a metric's name, > or <, and a percentage with a sign, which > may do without. The other
// sign asks for progress: p99>-10% fails unless p99 has fallen by at least a tenth.
func ParseRelative(text string) (Relative, error) {
	name, op, value, ok := split(text)
	if !ok || op != "<" && op != ">" {
		return Relative{}, fmt.Errorf("%w, not %q", ErrRelative, text)
	}
	m, err := lookup(name)
	if err != nil {
		return Relative{}, err
	}
	q, err := quantity.Parse(value)
	if err != nil {
		return Relative{}, fmt.Errorf("%w: %q: %w", ErrValue, text, err)
	}
	signed := value[0] == '+' || value[0] == '-'
	if q.Kind != quantity.Percent || q.Per != "" || op == "<" && !signed {
		return Relative{}, fmt.Errorf("%w, not %q", ErrRelative, text)
	}
	return Relative{m.Name, op, q.Value / 100, m.Name + string(op) + strings.Join(strings.Fields(value), "")}, nil
}

// ParseRelatives reads the values of a flag that may be repeated, each of which may hold several conditions with commas between.
func ParseRelatives(texts ...string) ([]Relative, error) { return parseAll(texts, ParseRelative) }

// Metric is the name of the metric that the condition is on, as report.Metrics has it.
func (r Relative) Metric() string { return r.metric }

// String is the condition with the metric's own name and without blanks; ParseRelative reads it.
func (r Relative) String() string { return r.text }

// Exceeded says whether the step from a to b is one under which the comparison fails. From nothing to something is an infinite step;
// a value that is not a number exceeds everything, so that it cannot pass.
func (r Relative) Exceeded(a, b float64) bool {
	step := Step(a, b)
	return math.IsNaN(step) || r.op.holds(step, r.change)
}

// Step is how much larger b is than a in proportion: 0.1 for a tenth more, 0 if they are the same, infinite if a is 0 and b is not.
func Step(a, b float64) float64 {
	switch {
	case a == b:
		return 0
	case a == 0:
		return math.Inf(int(math.Copysign(1, b)))
	}
	return (b - a) / math.Abs(a)
}

// Describe says in words what a step from a to b is.
func Describe(m report.Metric, a, b float64) string {
	text := fmt.Sprintf("%s %s -> %s", m.Name, quantity.Format(a, m.Unit), quantity.Format(b, m.Unit))
	if step := Step(a, b); !math.IsInf(step, 0) {
		text += fmt.Sprintf(" (%+.1f%%)", step*100)
	}
	return text
}
