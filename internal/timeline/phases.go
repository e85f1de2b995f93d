package timeline

import (
	"fmt"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// span returns when a phase began and ended, in seconds.
func (t Timeline) span(i int) (from, to float64) {
	to = t.end()
	if i+1 < len(t.Phases) {
		to = t.Phases[i+1].At.Seconds()
	}
	return t.Phases[i].At.Seconds(), to
}

// gantt draws the phases as bars, each in its own row so that no name lies on another.
type gantt struct{ Timeline }

// Plot implements plot.Plotter.
func (g gantt) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := label(10)
	for i, phase := range g.Phases {
		from, to := g.span(i)
		row := float64(len(g.Phases) - i)
		left, right, high, low := x(from), x(to), y(row)-1, y(row-1)+1
		c.FillPolygon(bar, []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}})
		name := fmt.Sprintf("%s  (%v)", phase.Name, tenths(to-from))
		at := vg.Point{X: left + 3, Y: (low + high) / 2}
		if style.XAlign = text.XLeft; at.X+style.Width(name) > c.Max.X {
			style.XAlign, at.X = text.XRight, max(left-3, c.Min.X+style.Width(name))
		}
		c.FillText(style, at, name)
	}
	marks(g).Plot(c, p)
}

// marks draws a thin line where each phase began.
type marks struct{ Timeline }

// Plot implements plot.Plotter.
func (m marks) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	line := draw.LineStyle{Color: gray, Width: 0.5, Dashes: []vg.Length{2, 2}}
	for _, phase := range m.Phases {
		at := x(phase.At.Seconds())
		c.StrokeLine2(line, at, c.Min.Y, at, c.Max.Y)
	}
}

func tenths(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond)
}
