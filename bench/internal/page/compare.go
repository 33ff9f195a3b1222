package page

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"starling/bench/internal/report"
)

// group is what may be compared: results of one scenario with the same numbers, of several servers or rounds.
type group struct {
	title   string
	results []*report.Report
}

// groups are those that have something to compare.
func groups(results []*report.Report) []group {
	var all []group
	for _, r := range results {
		title := strings.Join(append([]string{r.Scenario}, conditions(r)...), ", ")
		i := slices.IndexFunc(all, func(g group) bool { return g.title == title })
		if i < 0 {
			i, all = len(all), append(all, group{title: title})
		}
		all[i].results = append(all[i].results, r)
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.results) < 2 })
}

// conditions are the numbers that must be the same for a comparison to say anything.
func conditions(r *report.Report) []string {
	all := []string{plural(float64(r.Connections), "connection")}
	if d := r.Delivery; d != nil && d.Rooms > 1 {
		all = append(all, fmt.Sprintf("%s rooms of %s", Count(float64(d.Rooms)), Count(float64(d.Members))))
	}
	if e := r.Echo; e != nil && e.Event != "" {
		all = append(all, "event "+e.Event)
	}
	if o := r.Open; o != nil {
		all = append(all, Count(o.RateWanted)+" messages/s wanted")
	} else if r.Depth > 0 {
		all = append(all, fmt.Sprintf("%s in flight", Count(float64(r.Depth))))
	}
	if r.SizeBytes > 0 {
		all = append(all, fmt.Sprintf("%s of payload", plural(float64(r.SizeBytes), "byte")))
	}
	return all
}

func plural(n float64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Count(n) + " " + thing + "s"
}

// who is under which name a result takes part in a comparison.
func who(r *report.Report) string {
	if r.Transport == "default" && r.Scenario != "storm" {
		return r.Target + " (polling first)"
	}
	return r.Target
}

// palette gives each server its ink throughout a page.
type palette struct{ names []string }

func paletteOf(results []*report.Report) *palette {
	p := &palette{}
	for _, r := range results {
		if name := who(r); name != "limit" && !slices.Contains(p.names, name) {
			p.names = append(p.names, name)
		}
	}
	return p
}

const inks = 6 // c0 to c5 in style.css

// look is the line of a server. The raw one, which is a measure and no rival, is grey.
func (p *palette) look(name string) key {
	if name == "limit" {
		return key{Name: name, Ink: inkDim, Width: 1.5, Dash: "6 3"}
	}
	i := max(slices.Index(p.names, name), 0)
	dash := [...]string{"", "5 2", "2 2", "7 2 2 2"}[i/inks%4]
	return key{Name: name, Ink: ink(fmt.Sprintf("c%d", i%inks)), Width: 1.8, Dash: dash}
}

// curves are the distributions of all results in one plot. The rounds of a server look the same: how far they are apart is
// what they show.
func (g group) curves(p *palette) []figure {
	var all []figure
	for _, kind := range []struct {
		title string
		hdr   func(*report.Report) []byte
	}{
		{"Latency by percentile", func(r *report.Report) []byte { return r.LatencyHDR }},
		{"Handshake by percentile", func(r *report.Report) []byte { return r.HandshakeHDR }},
	} {
		var curves []curve
		for _, r := range g.results {
			if c, ok := curveOf(p.look(who(r)), kind.hdr(r)); ok {
				curves = append(curves, c)
			}
		}
		note := ""
		if g.rounds() {
			note = "a line for each round"
		}
		if f, ok := percentiles(kind.title, note, curves); ok {
			all = append(all, f)
		}
	}
	return all
}

// rounds says whether a server is in the group more than once.
func (g group) rounds() bool {
	seen := make(map[string]bool)
	for _, r := range g.results {
		if seen[who(r)] {
			return true
		}
		seen[who(r)] = true
	}
	return false
}

// costs are the metrics that get bars.
var costs = []struct{ metric, title string }{
	{"cpu_per_delivery", "Processor time of the server for a delivery"},
	{"cpu_per_echo", "Processor time of the server for an echo"},
	{"cpu_per_conn", "Processor time of the server for a connection"},
	{"cpu_per_client", "Processor time of the server for a client that comes back"},
	{"cpu_per_idle_conn_s", "Processor time of the server for an idle connection, each second"},
	{"rss_per_conn", "Memory of the server for a connection (RSS)"},
	{"p99", "Latency, p99"},
	{"back_all", "Until all clients are back"},
}

// bar is what one server comes to: the median of its rounds, and their range.
type bar struct {
	name        string
	lo, mid, hi float64
	rounds      int
}

// bars are the costs of several servers beside each other.
func (g group) bars(p *palette) []figure {
	var all []figure
	for _, cost := range costs {
		bars, unit := g.collect(cost.metric)
		if len(bars) < 2 {
			continue
		}
		note := "less is better"
		if g.rounds() {
			note = "less is better; the median of the rounds, and their range"
		}
		tall := func(s shape) shape {
			s.height = headHeight + vg.Length(len(bars))*rowHeight
			return s
		}
		f := figure{Title: cost.title, Note: note}
		f.Wide = one(tall(wide), cost.title, func(c *chart) { c.bars(bars, unit, p) })
		f.Narrow = one(tall(narrow), cost.title, func(c *chart) { c.bars(bars, unit, p) })
		all = append(all, f)
	}
	return all
}

const rowHeight = 40 // of a bar with its name

// collect finds a metric in all results, in the order of the servers' first.
func (g group) collect(metric string) (all []bar, unit string) {
	values := make(map[string][]float64)
	var names []string
	for _, r := range g.results {
		if m, ok := r.Metric(metric); ok {
			name := who(r)
			if values[name] == nil {
				names = append(names, name)
			}
			values[name], unit = append(values[name], m.Value), m.Unit
		}
	}
	for _, name := range names {
		v := values[name]
		slices.Sort(v)
		all = append(all, bar{name, v[0], report.Median(v), v[len(v)-1], len(v)})
	}
	return all, unit
}

// bars draws one bar beneath the other, each with its name above and its value at its end.
func (c *chart) bars(bars []bar, unit string, p *palette) {
	most := 0.0
	for _, b := range bars {
		most = max(most, b.hi)
	}
	if most <= 0 {
		most = 1
	}
	c.X.Tick.Marker, c.Y.Tick.Marker = marks{}, marks{}
	c.X.LineStyle.Width = 0
	// A fifth is left for the values.
	c.X.Min, c.X.Max = 0, most*1.26
	c.Y.Min, c.Y.Max = -0.5, float64(len(bars))-0.5
	for i, b := range bars {
		row := float64(len(bars) - 1 - i)
		k := p.look(b.name)
		c.Plot.Add(&plotter.BarChart{Values: plotter.Values{b.mid}, XMin: row, Width: 11, Offset: -4, Color: k.Ink, Horizontal: true})
		c.Plot.Add(caption{bar: b, row: row, value: ofUnit(b.mid, unit).String(), chart: c})
	}
	c.X.Min, c.Y.Min, c.Y.Max = 0, -0.5, float64(len(bars))-0.5
}

// caption is the name above a bar, the value at its end, and the range of the rounds across it.
type caption struct {
	bar   bar
	row   float64
	value string
	chart *chart
}

// Plot draws the caption.
func (t caption) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	row := y(t.row)
	style := t.chart.style()
	style.XAlign = text.XLeft
	style.Color = inkDim
	name := fit(t.bar.name, c.Max.X-c.Min.X, style.Width)
	c.FillText(style, vg.Point{X: x(0), Y: row + 6}, name)
	style.Color = inkText
	c.FillText(style, vg.Point{X: x(t.bar.hi) + 6, Y: row - 8}, t.value)
	if t.bar.rounds > 1 {
		line := draw.LineStyle{Color: inkText, Width: 1.5}
		lo, hi := x(t.bar.lo), x(t.bar.hi)
		c.StrokeLine2(line, lo, row-4, hi, row-4)
		c.StrokeLine2(line, lo, row-8, lo, row)
		c.StrokeLine2(line, hi, row-8, hi, row)
	}
}
