package timeline

import (
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

const mib = 1 << 20

// phases is the top panel: what the run did, one row and one bar for each phase.
func (t Timeline) phases() (*plot.Plot, error) {
	p := newPlot()
	p.Title.Text = t.Title
	p.Title.TextStyle.Font.Size = 15
	p.Title.Padding = 8
	p.HideAxes()
	p.Y.Min, p.Y.Max = 0, float64(max(len(t.Phases), 1))
	p.Add(gantt{t})
	return p, nil
}

// memory is the main panel.
func (t Timeline) memory() (*plot.Plot, error) {
	p := t.panel("memory, MiB")
	resident, err := t.steps(func(s Sample) float64 { return float64(s.Resident) / mib }, blue, 1)
	if err != nil {
		return nil, err
	}
	resident.FillColor = pale
	granted, err := t.steps(func(s Sample) float64 { return float64(s.Granted) / mib }, orange, 2)
	if err != nil {
		return nil, err
	}
	wanted, err := t.steps(func(s Sample) float64 { return float64(s.Demanded) / mib }, demanded, 1)
	if err != nil {
		return nil, err
	}
	wanted.Dashes = []vg.Length{4, 3}
	p.Add(resident, granted, wanted)
	p.Legend.Add("demanded by the guest", wanted)
	p.Legend.Add("granted by the host", granted)
	p.Legend.Add("really held by the host for the guest", resident)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = 3
	p.Legend.XOffs, p.Legend.YOffs = 8, -4
	p.Y.Min = 0
	p.Y.Max *= 1.05
	p.Y.Tick.Marker = binaryTicks{}
	return p, nil
}

// cpus is the panel of granted vCPUs.
func (t Timeline) cpus() (*plot.Plot, error) {
	p := t.panel("vCPUs")
	line, err := t.steps(func(s Sample) float64 { return s.VCPUs }, orange, 2)
	if err != nil {
		return nil, err
	}
	p.Add(line)
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, 1)*1.15
	p.Y.Tick.Marker = wholeTicks{5}
	return p, nil
}

// stalls is the lowest panel and carries the time axis for all.
func (t Timeline) stalls() (*plot.Plot, error) {
	p := t.panel("stalls so far")
	x := newPlot().X // panel hid it
	x.Label.Text = "seconds since the guest started"
	x.Label.TextStyle.Font.Size = 11
	x.Tick.Label.Font.Size = 10
	x.Tick.Length = 4
	x.LineStyle.Width, x.Tick.LineStyle.Width = 0.5, 0.5
	x.Tick.Marker = wholeTicks{10}
	p.X = x
	line, err := t.steps(func(s Sample) float64 { return float64(s.Stalls) }, black, 1.5)
	if err != nil {
		return nil, err
	}
	p.Add(line)
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, 1)*1.15
	p.Y.Tick.Marker = wholeTicks{5}
	return p, nil
}

// panel is an empty one without a time axis, with the phases marked.
func (t Timeline) panel(label string) *plot.Plot {
	p := newPlot()
	p.Y.Label.Text = label
	p.Y.Label.TextStyle.Font.Size = 11
	p.Y.Tick.Label.Font.Size = 10
	p.HideX()
	p.Add(marks{t})
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = color.Gray{Y: 0xe4}
	p.Add(grid)
	return p
}

// steps is a line of one figure: it holds from one sample to the next, as the figure did.
func (t Timeline) steps(of func(Sample) float64, c color.Color, width vg.Length) (*plotter.Line, error) {
	points := make(plotter.XYs, 0, len(t.Samples)+1)
	for _, s := range t.Samples {
		points = append(points, plotter.XY{X: s.At.Seconds(), Y: of(s)})
	}
	points = append(points, plotter.XY{X: t.end(), Y: points[len(points)-1].Y})
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	line.StepStyle = plotter.PostStep
	line.Color, line.Width = c, width
	return line, nil
}

// binaryTicks puts at most eight marks at powers of two apart, as memory is counted.
type binaryTicks struct{}

// Ticks implements plot.Ticker.
func (binaryTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	step := 16.0
	for (high-low)/step > 8 {
		step *= 2
	}
	return every(step, high)
}

// wholeTicks puts at most so many marks, and one at nought, at whole numbers.
type wholeTicks struct{ most float64 }

// Ticks implements plot.Ticker.
func (w wholeTicks) Ticks(_, high float64) []plot.Tick {
	step := 1.0
	for i := 0; high/step > w.most; i++ {
		step *= []float64{2, 2.5, 2}[i%3] // 1, 2, 5, 10, …
	}
	return every(step, high)
}

func every(step, high float64) (ticks []plot.Tick) {
	for v := 0.0; v <= high; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ticks
}
