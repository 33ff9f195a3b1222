package page

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"starling/bench/internal/report"
)

// pick reads one value of a second, if there is one.
type pick func(report.Sample) (float64, bool)

// parts are the picked values over time, apart where there were none.
func parts(timeline []report.Sample, value pick) []plotter.XYs {
	var all []plotter.XYs
	var part plotter.XYs
	for _, s := range timeline {
		v, ok := value(s)
		if ok {
			part = append(part, plotter.XY{X: s.AtS, Y: v})
			continue
		}
		if len(part) > 0 {
			all, part = append(all, part), nil
		}
	}
	if len(part) > 0 {
		all = append(all, part)
	}
	return thin(all, timeline)
}

// thin leaves of each line the least and the greatest value in each of PointsMax places along the axis. Nothing is averaged: a
// percentile must not be, and of a peak nothing would be left.
func thin(all []plotter.XYs, timeline []report.Sample) []plotter.XYs {
	if len(timeline) <= 2*PointsMax {
		return all
	}
	from, to := timeline[0].AtS, timeline[len(timeline)-1].AtS
	out := make([]plotter.XYs, 0, len(all))
	for _, part := range all {
		var kept plotter.XYs
		for begin := 0; begin < len(part); {
			place := placeOf(part[begin].X, from, to)
			end := begin + 1
			for end < len(part) && placeOf(part[end].X, from, to) == place {
				end++
			}
			kept = append(kept, extremes(part[begin:end])...)
			begin = end
		}
		out = append(out, kept)
	}
	return out
}

func placeOf(x, from, to float64) int {
	if to <= from {
		return 0
	}
	return min(int((x-from)/(to-from)*PointsMax), PointsMax-1)
}

// extremes are the least and the greatest of some points, in the order in which they came.
func extremes(points plotter.XYs) plotter.XYs {
	lo, hi := 0, 0
	for i, p := range points {
		if p.Y < points[lo].Y {
			lo = i
		}
		if p.Y > points[hi].Y {
			hi = i
		}
	}
	if lo == hi {
		return plotter.XYs{points[lo]}
	}
	return plotter.XYs{points[min(lo, hi)], points[max(lo, hi)]}
}

// band is a stretch of time with a name.
type band struct {
	name     string
	from, to float64
}

// bands are the phases of a run: those that the report names, and what the samples call the time that is in none of them.
func bands(r *report.Report) []band {
	if len(r.Timeline) == 0 {
		return nil
	}
	named := make(map[string]bool)
	for _, p := range r.Phases {
		named[p.Name] = true
	}
	var all []band
	last := r.Timeline[0].AtS
	for _, s := range r.Timeline {
		switch n := len(all); {
		case s.Phase == "" || named[s.Phase]:
		case n > 0 && all[n-1].name == s.Phase && all[n-1].to == last:
			all[n-1].to = s.AtS
		default:
			all = append(all, band{s.Phase, last, s.AtS})
		}
		last = s.AtS
	}
	for _, p := range r.Phases {
		all = append(all, band{p.Name, p.FromS, p.ToS})
	}
	return all
}

// shades draws every other band darker, and their names above them where there is room. The longest stays plain. A single band,
// which is the whole run, is not drawn.
type shades struct {
	bands []band
	chart *chart
}

// Plot draws the bands.
func (s shades) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	if len(s.bands) < 2 {
		return
	}
	plain := 0
	for i, b := range s.bands {
		if longest := s.bands[plain]; b.to-b.from > longest.to-longest.from {
			plain = i
		}
	}
	for i, b := range s.bands {
		from, to := max(x(b.from), c.Min.X), min(x(b.to), c.Max.X)
		if to <= from {
			continue
		}
		if (i-plain)%2 != 0 {
			c.FillPolygon(inkBand, []vg.Point{{X: from, Y: c.Min.Y}, {X: to, Y: c.Min.Y}, {X: to, Y: c.Max.Y}, {X: from, Y: c.Max.Y}})
		}
		s.name(c, b.name, from, to)
	}
}

func (s shades) name(c draw.Canvas, name string, from, to vg.Length) {
	style := s.chart.style()
	style.Color = inkDim
	name = fit(name, to-from-4, style.Width)
	c.FillText(style, vg.Point{X: (from + to) / 2, Y: c.Max.Y + 6}, name)
}

// fit shortens a name until it has room, to nothing if what is left would say nothing.
func fit(name string, room vg.Length, width func(string) vg.Length) string {
	n := len([]rune(name))
	for text := name; ; {
		if width(text) <= room {
			return text
		}
		if n--; n < 7 {
			return ""
		}
		text = shorten(name, n)
	}
}
