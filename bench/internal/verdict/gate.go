package verdict

import (
	"fmt"

	"starling/bench/internal/expect"
)

// FailIf holds the comparison against conditions that were named beforehand. Broken is why it fails, and empty if it does not: a
// metric whose median has taken the step, beyond noise unless there is one round only; and one of which that cannot be told, because
// nobody measured it on both sides, or no run of a side counts, or a group of A that measured it has no counterpart in B. Tolerated
// is what has taken the step within noise.
func (c *Comparison) FailIf(all []expect.Relative) (broken, tolerated []string) {
	for _, condition := range all {
		worse, noisy := c.hold(condition)
		broken, tolerated = append(broken, worse...), append(tolerated, noisy...)
	}
	return broken, tolerated
}

func (c *Comparison) hold(condition expect.Relative) (broken, tolerated []string) {
	found := false
	for _, g := range c.Groups {
		row := g.row(condition.Metric())
		if row == nil {
			continue
		}
		found = true
		text, fails := row.hold(condition)
		text = fmt.Sprintf("%s: %s: %s", condition, g.Key, text)
		switch {
		case fails && (row.Verdict == Noise || row.Verdict == Same):
			tolerated = append(tolerated, text+", which is within noise")
		case fails:
			broken = append(broken, text)
		}
	}
	for _, l := range c.OnlyA {
		if l.measured(condition.Metric()) {
			found = true
			broken = append(broken, fmt.Sprintf("%s: %s: it has no counterpart in B", condition, l.Key))
		}
	}
	if !found {
		broken = append(broken, fmt.Sprintf("%s: nobody has measured %s on both sides", condition, condition.Metric()))
	}
	return broken, tolerated
}

func (r *Row) hold(condition expect.Relative) (text string, fails bool) {
	switch r.Verdict {
	case Invalid, Missing:
		return r.Why, true
	case Single:
		text = expect.Describe(r.Metric, r.A.Median, r.B.Median) + " in one round"
	default:
		text = expect.Describe(r.Metric, r.A.Median, r.B.Median)
	}
	// Of faults one round in many is enough, and the median would not show it.
	if faults[r.Metric.Name] && r.Verdict == Worse && r.A.Median == r.B.Median {
		return text + " at the median, and more in other rounds", true
	}
	return text, condition.Exceeded(r.A.Median, r.B.Median)
}

func (g *Group) row(metric string) *Row {
	for i := range g.Rows {
		if g.Rows[i].Metric.Name == metric {
			return &g.Rows[i]
		}
	}
	return nil
}

func (l *Lone) measured(metric string) bool {
	for _, m := range l.metrics {
		if m.Name == metric {
			return true
		}
	}
	return false
}

// Count is how many rows have a verdict.
func (c *Comparison) Count(v Verdict) (n int) {
	for _, g := range c.Groups {
		for _, r := range g.Rows {
			if r.Verdict == v {
				n++
			}
		}
	}
	return n
}
