package page

import (
	"fmt"

	"gonum.org/v1/plot/plotter"

	"starling/bench/internal/report"
)

// track is one line of a timeline: what it is called, what it looks like, and which value of a second it follows.
type track struct {
	key
	value pick
}

// The looks of a plot's lines, in order of weight: they differ in colour, brightness and dash.
var (
	firstLine  = key{Ink: "c0", Width: 1.8}
	secondLine = key{Ink: "c1", Width: 1.5}
	thirdLine  = key{Ink: "dim", Width: 1, Dash: "2 2"}
	wrongLine  = key{Ink: "bad", Width: 1.5, Dash: "4 2"}
)

func (k key) named(name string) key { k.Name = name; return k }

// always picks a value that every second has.
func always(value func(report.Sample) float64) pick {
	return func(s report.Sample) (float64, bool) { return value(s), true }
}

// ofLatency picks a percentile of a second in which something was delivered.
func ofLatency(value func(*report.Latency) float64) pick {
	return func(s report.Sample) (float64, bool) {
		if s.Latency == nil {
			return 0, false
		}
		return value(s.Latency), true
	}
}

// timelines are the plots of a run over time. One that would show nothing is left out.
func timelines(r *report.Report) []figure {
	var all []figure
	add := func(title, note string, t timeline) {
		if f, ok := t.figure(r, title, note); ok {
			all = append(all, f)
		}
	}
	add("Latency, each second", latencyNote(r), timeline{upright: (*chart).upTime, tracks: []track{
		{thirdLine.named("max"), ofLatency(func(l *report.Latency) float64 { return l.Max })},
		{secondLine.named("p99"), ofLatency(func(l *report.Latency) float64 { return l.P99 })},
		{firstLine.named("p50"), ofLatency(func(l *report.Latency) float64 { return l.P50 })},
	}})
	add("Deliveries per second", noteOfDeliveries(r), timeline{upright: upCount, tracks: []track{
		{firstLine.named("delivered"), always(func(s report.Sample) float64 { return float64(s.Delivered) })},
	}})
	add("Wrong deliveries per second", "twice, out of order, or at the wrong place", timeline{upright: upCount, tracks: []track{
		{wrongLine.named("wrong"), always(func(s report.Sample) float64 { return float64(s.Faults) })},
	}})
	add("Messages sent per second", "", timeline{upright: upCount, tracks: []track{
		{thirdLine.named("wanted"), wanted(r)},
		{firstLine.named("sent"), always(func(s report.Sample) float64 { return float64(s.Sent) })},
	}})
	add("Processors in use", "1 is one of them whole", timeline{upright: upCount, tracks: []track{
		{thirdLine.named("client"), always(func(s report.Sample) float64 { return s.ClientCPU })},
		{firstLine.named("server"), always(func(s report.Sample) float64 { return s.ServerCPU })},
	}})
	add("Memory of the server (RSS)", "", timeline{upright: upBytes, tracks: []track{
		{firstLine.named("RSS"), always(func(s report.Sample) float64 { return float64(s.ServerRSS) })},
	}})
	add("Connected", "", timeline{upright: upCount, tracks: []track{
		{firstLine.named("connected"), always(func(s report.Sample) float64 { return float64(s.Connected) })},
	}})
	add("Connections per second", "", timeline{upright: upCount, tracks: []track{
		{thirdLine.named("ended by the server"), always(func(s report.Sample) float64 { return float64(s.Disconnected) })},
		{wrongLine.named("failed"), always(func(s report.Sample) float64 { return float64(s.Failed) })},
		{firstLine.named("made"), always(func(s report.Sample) float64 { return float64(s.Connects) })},
	}})
	return all
}

func latencyNote(r *report.Report) string {
	if r.Open != nil {
		return "from the time at which a message was due, to its arrival"
	}
	return "from the sending of a message to its arrival"
}

// wanted is the rate of a run with a timetable, which its phases may change.
func wanted(r *report.Report) pick {
	return func(s report.Sample) (float64, bool) {
		if r.Open == nil || s.AtS <= 0 {
			return 0, false
		}
		for _, p := range r.Phases {
			if s.AtS > p.FromS && s.AtS <= p.ToS {
				return p.Rate, true
			}
		}
		return r.RateWanted, len(r.Phases) == 0
	}
}

// timeline is a plot over time on its way.
type timeline struct {
	upright func(c *chart, lo, hi float64)
	tracks  []track // the most important one last, on top
}

// figure draws the tracks that have something to show.
func (t timeline) figure(r *report.Report, title, note string) (figure, bool) {
	if len(r.Timeline) < 2 {
		return figure{}, false
	}
	var keys []key
	var lines [][]plotter.XYs
	var every []plotter.XYs
	for _, track := range t.tracks {
		p := parts(r.Timeline, track.value)
		if _, hi := span(p...); hi <= 0 || len(p) == 0 {
			continue
		}
		keys, lines, every = append(keys, track.key), append(lines, p), append(every, p...)
	}
	if len(lines) == 0 {
		return figure{}, false
	}
	lo, hi := span(every...)
	legend := keys
	if main := t.tracks[len(t.tracks)-1]; len(keys) == 1 && keys[0] == main.key { // the title says it
		legend = nil
	}
	return draws(title, note, legend, func(c *chart) {
		begin, end := stretch(r.Timeline)
		c.Add(shades{bands(r), c})
		c.across(begin, end, timeMarks(begin, end, c.shape.ticks))
		t.upright(c, lo, hi)
		for i, k := range keys {
			c.line(k, lines[i]...)
		}
	}), true
}

// noteOfDeliveries says it where nothing went wrong, which no line would show.
func noteOfDeliveries(r *report.Report) string {
	if r.Tally == nil || !r.Tally.Clean() {
		return ""
	}
	return fmt.Sprintf("all %s came once and in order", Count(float64(r.Tally.Delivered)))
}

// stretch is the time that a timeline covers. Its samples are each of the second before.
func stretch(timeline []report.Sample) (from, to float64) {
	from, to = timeline[0].AtS, timeline[len(timeline)-1].AtS
	if second := timeline[1].AtS; second > from {
		from -= min(second-from, 1)
	}
	return from, max(to, from+1)
}

func upCount(c *chart, _, hi float64) { c.up(evenMarks(hi, 4, axisNumber, 10)) }

func upBytes(c *chart, _, hi float64) { c.up(evenMarks(hi, 4, axisBytes, 1024)) }
