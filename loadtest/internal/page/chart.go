package page

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// chart is a line chart over time.
type chart struct {
	Title string
	Unit  string
	Lines []line
	Marks []mark
}

// line is one course. A negative value is a gap.
type line struct {
	Name   string
	Colour string
	X, Y   []float64 // seconds, values
}

// mark is a moment with a name.
type mark struct {
	X    float64
	Name string
}

// The sheet, in the units of the SVG.
const (
	width, height            = 720.0, 220.0
	left, right, top, bottom = 64.0, 12.0, 12.0, 28.0
	ticks                    = 4 // about so many intervals on an axis
)

// scale maps values to places.
type scale struct{ step, end, from, to float64 }

// newScale begins at zero and ends at a round number.
func newScale(highest, from, to float64) scale {
	step := nice(highest / ticks)
	return scale{step, math.Max(step, math.Ceil(highest/step-1e-9)*step), from, to}
}

// at is the place of a value.
func (s scale) at(v float64) float64 { return s.from + v/s.end*(s.to-s.from) }

// nice is the next of 1, 2, 5, 10, 20 … that is not less than x.
func nice(x float64) float64 {
	if x <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	for _, times := range []float64{1, 2, 5} {
		if times*unit >= x*(1-1e-9) {
			return times * unit
		}
	}
	return 10 * unit
}

// SVG draws the chart.
func (c chart) SVG() template.HTML {
	var w strings.Builder
	draw := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	x, y := c.scales()
	draw(`<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(c.Title))
	for v := 0.0; v <= y.end*(1+1e-9); v += y.step {
		draw(`<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, left, width-right, y.at(v), y.at(v))
		draw(`<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, left-6, y.at(v)+4, short(v))
	}
	for v := 0.0; v <= x.end*(1+1e-9); v += x.step {
		draw(`<text x="%.1f" y="%.1f" text-anchor="middle">%s s</text>`, x.at(v), height-8, short(v))
	}
	for _, m := range c.Marks {
		draw(`<line class="mark" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"><title>%s</title></line>`, x.at(m.X), x.at(m.X), top, height-bottom, template.HTMLEscapeString(m.Name))
	}
	for _, l := range c.Lines {
		draw(`<path stroke="%s" d="%s"/>`, l.Colour, l.path(x, y))
	}
	draw(`</svg>`)
	return template.HTML(w.String()) // of numbers, our own colours and escaped names only
}

// scales are as wide and high as the lines.
func (c chart) scales() (x, y scale) {
	var last, highest float64
	for _, l := range c.Lines {
		for i := range l.X {
			last, highest = math.Max(last, l.X[i]), math.Max(highest, l.Y[i])
		}
	}
	x = newScale(last, left, width-right)
	x.end = math.Max(last, 1) // time ends with the run
	return x, newScale(highest, height-bottom, top)
}

// path joins the points; a gap begins a new stroke. A point between two gaps is a dot.
func (l line) path(x, y scale) string {
	var w strings.Builder
	pen := "M"
	for i := range l.X {
		if l.Y[i] < 0 {
			pen = "M"
			continue
		}
		fmt.Fprintf(&w, "%s%.1f %.1f", pen, x.at(l.X[i]), y.at(l.Y[i]))
		if pen == "M" {
			w.WriteString("h0") // a stroke of no length has round ends, which show
		}
		pen = "L"
	}
	return w.String()
}

// short is a number with no more digits than needed, thousands as k.
func short(v float64) string {
	if v >= 10_000 {
		return fmt.Sprintf("%gk", math.Round(v/10)/100)
	}
	return fmt.Sprintf("%g", math.Round(v*1000)/1000)
}
