package page

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"starling/bench/internal/report"
)

// ticksPerHalf is how many points of a histogram are drawn in each halving of what is left above them.
const ticksPerHalf = 8

// curve is the distribution of one result's times.
type curve struct {
	key
	points plotter.XYs // x is log10 1/(1-quantile): 0 for all, 1 for 90 %, 2 for 99 %; y in microseconds
}

// curveOf reads an exported histogram; what cannot be read is not drawn.
func curveOf(k key, exported []byte) (curve, bool) {
	if len(exported) == 0 {
		return curve{}, false
	}
	h, err := hdrhistogram.Decode(exported)
	if err != nil || h.TotalCount() == 0 {
		return curve{}, false
	}
	// The greatest value is that of one in as many as there are.
	end := math.Log10(float64(h.TotalCount()))
	c := curve{key: k}
	for _, b := range h.CumulativeDistributionWithTicks(ticksPerHalf) {
		x := end
		if b.Quantile < 100 {
			x = min(-math.Log10(1-b.Quantile/100), end)
		}
		if n := len(c.points); n > 0 && c.points[n-1].X == x {
			n--
			c.points = c.points[:n]
		}
		c.points = append(c.points, plotter.XY{X: x, Y: float64(b.ValueAt) / 1e3})
	}
	return c, true
}

// percentiles draws curves in the manner of HDR plots: each step to the right is a tenth of the deliveries that are left, so that
// the slowest in ten thousand take as much room as the slowest in ten.
func percentiles(title, note string, curves []curve) (figure, bool) {
	if len(curves) == 0 {
		return figure{}, false
	}
	var keys []key
	lines := make([]plotter.XYs, len(curves))
	end := 1.0
	for i, c := range curves {
		lines[i] = c.points
		if !slices.Contains(keys, c.key) {
			keys = append(keys, c.key)
		}
		end = max(end, c.points[len(c.points)-1].X)
	}
	if len(keys) == 1 {
		keys = nil
	}
	lo, hi := span(lines...)
	return draws(title, note, keys, func(c *chart) {
		c.across(0, end, nines(end))
		c.upTime(lo, hi)
		for _, curve := range curves {
			c.line(curve.key, curve.points)
		}
	}), true
}

// nines are the marks of the percentiles.
func nines(end float64) marks {
	names := []string{"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %", "99.999999 %"}
	var all marks
	for i, name := range names {
		if float64(i) > end {
			break
		}
		all = append(all, plot.Tick{Value: float64(i), Label: name})
	}
	return all
}

// search draws the rates that were tried to find the highest, and the limit that they were to keep.
func search(r *report.Report) []figure {
	if r.FindMax == nil || len(r.Steps) < 2 {
		return nil
	}
	passed := key{Name: "passed", Ink: "c0", Width: 7}
	not := key{Name: "not passed", Ink: "bad", Width: 7}
	limit := thirdLine.named("limit " + Micros(r.P99LimitUs))
	lo, hi, end := r.P99LimitUs, r.P99LimitUs, 1.0
	for _, s := range r.Steps {
		lo, hi, end = min(lo, s.P99), max(hi, s.P99), max(end, s.Rate)
	}
	return []figure{draws("p99 at each rate that was tried", "messages per second", []key{passed, not, limit}, func(c *chart) {
		m := evenMarks(end*1.04, c.shape.ticks-1, axisNumber, 10)
		c.across(0, m[len(m)-1].Value, m)
		c.upTime(lo, hi)
		c.line(limit, plotter.XYs{{X: 0, Y: r.P99LimitUs}, {X: c.X.Max, Y: r.P99LimitUs}})
		for _, s := range r.Steps {
			k := not
			if s.OK {
				k = passed
			}
			c.line(k, plotter.XYs{{X: s.Rate, Y: s.P99}})
		}
	})}
}

// distributions are a result's own curves.
func distributions(r *report.Report) []figure {
	var all []figure
	if c, ok := curveOf(firstLine, r.LatencyHDR); ok {
		f, _ := percentiles("Latency by percentile", latencyNote(r), []curve{c})
		all = append(all, f)
	}
	if c, ok := curveOf(firstLine, r.HandshakeHDR); ok {
		f, _ := percentiles("Handshake by percentile", "", []curve{c})
		all = append(all, f)
	}
	return all
}
