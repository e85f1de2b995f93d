package timeline

import (
	"bytes"
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width  = 960 * vg.Length(1)
	height = 700 * vg.Length(1)
	margin = 12 * vg.Length(1)
)

// SVG draws the timeline. The fonts are inside, so it looks alike everywhere.
func (t Timeline) SVG() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	canvas := vgsvg.NewWith(vgsvg.UseWH(width, height), vgsvg.EmbedFonts(true))
	if err := t.draw(draw.New(canvas)); err != nil {
		return nil, fmt.Errorf("draw timeline: %w", err)
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write timeline: %w", err)
	}
	return b.Bytes(), nil
}

// draw puts the panels one below the other, each with its share of the height.
func (t Timeline) draw(c draw.Canvas) error {
	c.FillPolygon(white, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
	c = draw.Crop(c, margin, -margin, margin, -margin)
	panels := []struct {
		make  func() (*plot.Plot, error)
		share float64
	}{{t.phases, 0.27}, {t.memory, 0.43}, {t.cpus, 0.13}, {t.stalls, 0.17}}

	var plots []*plot.Plot
	var tiles []draw.Canvas
	top, whole := c.Max.Y, c.Max.Y-c.Min.Y
	for _, p := range panels {
		made, err := p.make()
		if err != nil {
			return err
		}
		made.X.Min, made.X.Max = 0, t.end()
		bottom := top - whole*vg.Length(p.share)
		plots = append(plots, made)
		tiles = append(tiles, draw.Crop(c, 0, 0, bottom-c.Min.Y, top-c.Max.Y))
		top = bottom
	}
	align(plots, tiles)
	for i, p := range plots {
		p.Draw(tiles[i])
	}
	return nil
}

// align narrows the tiles so that all the data begins and ends in the same columns, however wide the
// numbers beside it are.
func align(plots []*plot.Plot, tiles []draw.Canvas) {
	var left, right vg.Length
	for i, p := range plots {
		data := p.DataCanvas(tiles[i])
		left = max(left, data.Min.X-tiles[i].Min.X)
		right = max(right, tiles[i].Max.X-data.Max.X)
	}
	for i, p := range plots {
		data := p.DataCanvas(tiles[i])
		tiles[i] = draw.Crop(tiles[i], left-(data.Min.X-tiles[i].Min.X), -(right - (tiles[i].Max.X - data.Max.X)), 0, 0)
	}
}

// sans is the typeface of everything.
var sans = font.Font{Typeface: plot.DefaultFont.Typeface, Variant: "Sans"}

// newPlot is an empty plot in that typeface.
func newPlot() *plot.Plot {
	p := plot.New()
	for _, s := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle,
		&p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		s.Font = font.From(sans, s.Font.Size)
	}
	return p
}

// label is the text style of what the panels write themselves.
func label(size vg.Length) text.Style {
	return text.Style{Color: black, Font: font.From(sans, size), XAlign: text.XLeft, YAlign: text.YCenter,
		Handler: plot.DefaultTextHandler}
}
