package page

import (
	"html/template"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// figure is a plot in the page, with its title and what its lines mean in HTML beside the drawing.
type figure struct {
	Title  string
	Note   string
	Legend []key
	Wide   template.HTML
	Narrow template.HTML
}

// key is what a line looks like, and its name.
type key struct {
	Name  string
	Ink   ink
	Dash  string
	Width float64
}

// Dot says that the key is of single points.
func (k key) Dot() bool { return k.Width >= 6 }

// shape is the size of a drawing, in pixels of the screen it is for.
type shape struct {
	class         string
	width, height vg.Length
	ticks         int // along the horizontal axis
}

var (
	wide   = shape{"wide", 544, 250, 8}
	narrow = shape{"narrow", 328, 216, 5}
)

const (
	letterSize = 12
	leftWidth  = 48 // of the labels of the vertical axis
	headHeight = 18 // above the axes, for the names of phases
)

// chart is one drawing on its way.
type chart struct {
	*plot.Plot
	shape shape
	on    *canvas
}

func newChart(s shape) *chart {
	c := &chart{Plot: plot.New(), shape: s, on: newCanvas(s.width, s.height)}
	c.BackgroundColor = nil
	face := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, letterSize)
	plain := text.Plain{Fonts: font.DefaultCache}
	for _, axis := range []*plot.Axis{&c.X, &c.Y} {
		axis.Padding = 0
		axis.LineStyle = draw.LineStyle{Color: inkDim, Width: 1}
		axis.Tick.LineStyle = axis.LineStyle
		axis.Tick.Length = 4
		axis.Tick.Label.Font, axis.Label.TextStyle.Font = face, face
		axis.Tick.Label.Color = inkDim
		axis.Tick.Label.Handler = lettering{Plain: plain, on: c.on, below: 4}
	}
	c.Y.LineStyle.Width, c.Y.Tick.Length = 0, 0
	c.Y.Tick.Label.Handler = lettering{Plain: plain, on: c.on, width: leftWidth}
	return c
}

// style is what the texts within the axes look like.
func (c *chart) style() text.Style {
	s := c.X.Tick.Label
	s.XAlign, s.YAlign = text.XCenter, text.YBottom
	s.Handler = lettering{Plain: text.Plain{Fonts: font.DefaultCache}, on: c.on}
	return s
}

// across sets the horizontal axis. A mark whose label would run into the one before keeps its tick only.
func (c *chart) across(from, to float64, m marks) {
	each := (c.shape.width - leftWidth) / vg.Length(to-from)
	free := vg.Length(-leftWidth)
	for i := range m {
		at, half := vg.Length(m[i].Value-from)*each, c.style().Width(m[i].Label)/2
		if at-half < free {
			m[i].Label = ""
			continue
		}
		free = at + half + 6
	}
	c.X.Min, c.X.Max, c.X.Tick.Marker = from, to, m
}

// up sets the vertical axis to reach from the first mark to the last, with a line across at each.
func (c *chart) up(m marks) {
	c.Y.Min, c.Y.Max, c.Y.Tick.Marker = m[0].Value, m[len(m)-1].Value, m
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: inkGrid, Width: 1}
	grid.Vertical.Color = nil
	c.Plot.Add(grid)
}

// upTime sets the vertical axis to times in microseconds: from 0, or if they are spread over more than a decade and a half, by
// their logarithm.
func (c *chart) upTime(lo, hi float64) {
	if lo > 0 && hi/lo > 30 {
		c.Y.Scale = plot.LogScale{}
		c.up(logMarks(lo, hi, axisTime))
		return
	}
	c.up(evenMarks(hi, 4, axisTime, 10))
}

// line adds a line. Its parts are apart where nothing was measured.
func (c *chart) line(k key, parts ...plotter.XYs) {
	for _, part := range parts {
		if len(part) == 1 { // a dot
			part = append(part, part[0])
		}
		c.Plot.Add(&plotter.Line{XYs: part, LineStyle: draw.LineStyle{Color: k.Ink, Width: vg.Length(k.Width), Dashes: pattern(k.Dash)}})
	}
}

// pattern reads what SVG calls a dash array, of the few that are in use here.
func pattern(dash string) []vg.Length {
	var all []vg.Length
	for _, r := range dash {
		if r != ' ' {
			all = append(all, vg.Length(r-'0'))
		}
	}
	return all
}

// svg draws the chart.
func (c *chart) svg(name string) template.HTML {
	whole := vg.Rectangle{Max: vg.Point{X: c.shape.width, Y: c.shape.height}}
	c.Draw(draw.Crop(draw.Canvas{Canvas: c.on, Rectangle: whole}, 0, -2, 1, -headHeight))
	return c.on.svg(c.shape.class, name)
}

// draws makes a figure of what paint puts on each of the two drawings.
func draws(title, note string, legend []key, paint func(*chart)) figure {
	f := figure{Title: title, Note: note, Legend: legend}
	f.Wide, f.Narrow = one(wide, title, paint), one(narrow, title, paint)
	return f
}

func one(s shape, title string, paint func(*chart)) template.HTML {
	c := newChart(s)
	paint(c)
	return c.svg(title)
}

// span is the least and the greatest of the values of all lines.
func span(lines ...plotter.XYs) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l {
			lo, hi = min(lo, p.Y), max(hi, p.Y)
		}
	}
	return lo, hi
}
