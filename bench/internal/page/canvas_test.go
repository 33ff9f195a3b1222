package page

import (
	"image/color"
	"testing"

	"gonum.org/v1/plot/vg"
)

func TestCanvas(t *testing.T) {
	var line, triangle vg.Path
	line.Move(vg.Point{X: 1, Y: 90})
	line.Line(vg.Point{X: 11, Y: 90})
	line.Line(vg.Point{X: 11, Y: 95.04})
	line.Line(vg.Point{X: 10.5, Y: 90})
	line.Line(vg.Point{X: 10.5, Y: 90})
	triangle.Move(vg.Point{})
	triangle.Line(vg.Point{X: 5, Y: 5})
	triangle.Close()
	for _, tc := range []struct {
		name string
		draw func(*canvas)
		want string
	}{
		{"a line", func(c *canvas) { c.SetColor(inkDim); c.Stroke(line) }, `<path class="s dim" d="M1 10h10v-5l-0.5 5h0"/>`},
		{"width and dashes", func(c *canvas) {
			c.SetLineWidth(1.5)
			c.SetLineDash([]vg.Length{5, 2.25}, 1)
			c.Stroke(line[:2])
		}, `<path class="s txt" stroke-width="1.5" stroke-dasharray="5 2.3" d="M1 10h10"/>`},
		{"no width", func(c *canvas) { c.SetLineWidth(0); c.Stroke(line) }, ""},
		{"no path", func(c *canvas) { c.Stroke(nil); c.Fill(nil) }, ""},
		{"an area", func(c *canvas) { c.SetColor(ink("c3")); c.Fill(triangle) }, `<path class="f c3" d="M0 100l5-5z"/>`},
		{"the library's black", func(c *canvas) { c.SetColor(inkDim); c.SetColor(color.Black); c.Fill(triangle) }, `<path class="f txt" d="M0 100l5-5z"/>`},
		{"a pen that is put away and taken again", func(c *canvas) {
			c.SetColor(inkGrid)
			c.Push()
			c.SetColor(inkBand)
			c.Pop()
			c.Fill(triangle)
		}, `<path class="f grid" d="M0 100l5-5z"/>`},
	} {
		c := newCanvas(200, 100)
		if tc.draw(c); c.out.String() != tc.want {
			t.Errorf("%s: %s\nwant %s", tc.name, c.out.String(), tc.want)
		}
	}
}

func TestCurvesAreNotDrawn(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("drawn as something else")
		}
	}()
	var p vg.Path
	p.Arc(vg.Point{}, 1, 0, 1)
	newCanvas(10, 10).Fill(p)
}

func TestLettering(t *testing.T) {
	c := newChart(wide)
	style := c.style()
	style.Color = inkDim
	style.Handler.Draw(c.on, `<b>"x"&`, style, vg.Point{X: 20, Y: 100})
	style.Handler.Draw(c.on, "", style, vg.Point{})
	want := `<text class="f dim" x="20" y="148.9" text-anchor="middle">&lt;b&gt;&#34;x&#34;&amp;</text>`
	if got := c.on.out.String(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := c.on.svg("wide", `a "b"`); got[:79] != `<svg class="wide" viewBox="0 0 544 250" role="img" aria-label="a &#34;b&#34;"><` {
		t.Errorf("%s", got[:79])
	}
}
