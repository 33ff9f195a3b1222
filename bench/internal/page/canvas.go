package page

import (
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// ink is a colour by the name of its class in style.css, where it is one thing by day and another by night.
type ink string

// RGBA makes an ink a color.Color. Only this package's canvas draws with it, and asks for its name.
func (ink) RGBA() (r, g, b, a uint32) { return 0, 0, 0, math.MaxUint16 }

// The inks that are not a series'.
const (
	inkDim  ink = "dim"
	inkText ink = "txt"
	inkGrid ink = "grid"
	inkBand ink = "band"
)

// canvas is a vg.Canvas that writes the inside of an <svg>. What a plot of this package never asks for (turned or scaled parts,
// pictures, glyphs of a font) is left to the interface it embeds, which is nil.
type canvas struct {
	vg.Canvas
	width, height vg.Length
	out           strings.Builder
	now           pen
	before        []pen
}

type pen struct {
	ink   ink
	width vg.Length
	dash  []vg.Length
}

func newCanvas(width, height vg.Length) *canvas {
	return &canvas{width: width, height: height, now: pen{ink: inkText, width: 1}}
}

func (c *canvas) SetLineWidth(w vg.Length)                  { c.now.width = w }
func (c *canvas) SetLineDash(dash []vg.Length, _ vg.Length) { c.now.dash = dash }
func (c *canvas) Push()                                     { c.before = append(c.before, c.now) }

// SetColor takes the next ink. The library's own black, of what a plot does not show, is the ink of text.
func (c *canvas) SetColor(shade color.Color) {
	c.now.ink = inkText
	if i, ok := shade.(ink); ok {
		c.now.ink = i
	}
}

func (c *canvas) Pop() {
	c.now = c.before[len(c.before)-1]
	c.before = c.before[:len(c.before)-1]
}

// Stroke draws a path with the line that is set.
func (c *canvas) Stroke(p vg.Path) {
	if c.now.width <= 0 || len(p) == 0 {
		return
	}
	fmt.Fprintf(&c.out, `<path class="s %s"`, c.now.ink)
	if c.now.width != 1 {
		fmt.Fprintf(&c.out, ` stroke-width="%s"`, tenths(toTenths(c.now.width)))
	}
	if len(c.now.dash) > 0 {
		fmt.Fprintf(&c.out, ` stroke-dasharray="%s"`, dashes(c.now.dash))
	}
	fmt.Fprintf(&c.out, ` d="%s"/>`, c.path(p))
}

// Fill fills a path.
func (c *canvas) Fill(p vg.Path) {
	if len(p) > 0 {
		fmt.Fprintf(&c.out, `<path class="f %s" d="%s"/>`, c.now.ink, c.path(p))
	}
}

// path writes where the pen goes, in steps from one place to the next: that is the shortest. The places are rounded, not the
// steps, so that a line of a thousand steps ends where it should.
func (c *canvas) path(p vg.Path) string {
	var d strings.Builder
	var x, y int64
	for _, part := range p {
		px, py := toTenths(part.Pos.X), toTenths(c.height-part.Pos.Y)
		switch part.Type {
		case vg.MoveComp:
			fmt.Fprintf(&d, "M%s %s", tenths(px), tenths(py))
		case vg.LineComp:
			step(&d, px-x, py-y)
		case vg.CloseComp:
			d.WriteByte('z')
			continue
		default:
			panic("page: no plot here has curves")
		}
		x, y = px, py
	}
	return d.String()
}

func step(d *strings.Builder, dx, dy int64) {
	switch {
	case dy == 0: // also where nothing moves: with its round cap that is a dot
		d.WriteString("h" + tenths(dx))
	case dx == 0:
		d.WriteString("v" + tenths(dy))
	default:
		d.WriteString("l" + tenths(dx))
		if dy > 0 {
			d.WriteByte(' ')
		}
		d.WriteString(tenths(dy))
	}
}

func toTenths(l vg.Length) int64 { return int64(math.Round(l.Points() * 10)) }

func tenths(n int64) string { return strconv.FormatFloat(float64(n)/10, 'f', -1, 64) }

func dashes(pattern []vg.Length) string {
	parts := make([]string, len(pattern))
	for i, l := range pattern {
		parts[i] = tenths(toTenths(l))
	}
	return strings.Join(parts, " ")
}

// svg is the drawing. Its name is what a reader hears who does not see it.
func (c *canvas) svg(class, name string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="%s" viewBox="0 0 %s %s" role="img" aria-label="%s">%s</svg>`, class,
		tenths(toTenths(c.width)), tenths(toTenths(c.height)), html.EscapeString(name), c.out.String()))
}

// lettering draws text with SVG's own anchors: the reader's font is not the one that is measured with here, and text that should
// end at an axis must end there in any font.
type lettering struct {
	text.Plain
	on    *canvas
	width vg.Length // that each text counts as; 0 for its own
	below vg.Length // room between an axis and the text beneath it
}

// fontsDiffer is how much wider than the font that is measured the reader's may be.
const fontsDiffer = 1.15

// Box makes all texts equally wide if so set: plots beneath each other then begin at one line.
func (l lettering) Box(txt string, style font.Font) (width, height, depth vg.Length) {
	width, height, depth = l.Plain.Box(txt, style)
	if width *= fontsDiffer; l.width > 0 {
		width = l.width
	}
	return width, height, depth + l.below
}

// Draw writes one line of text.
func (l lettering) Draw(_ vg.Canvas, txt string, style text.Style, at vg.Point) {
	if txt == "" {
		return
	}
	height := style.Height(txt)
	at.Y += height*vg.Length(style.YAlign) - style.FontExtents().Ascent + style.Font.Size
	anchor := ""
	switch style.XAlign {
	case text.XCenter:
		anchor = ` text-anchor="middle"`
	case text.XRight:
		anchor = ` text-anchor="end"`
	}
	shade, _ := style.Color.(ink)
	fmt.Fprintf(&l.on.out, `<text class="f %s" x="%s" y="%s"%s>%s</text>`, shade,
		tenths(toTenths(at.X)), tenths(toTenths(l.on.height-at.Y)), anchor, html.EscapeString(txt))
}
