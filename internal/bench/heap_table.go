package bench

import (
	"github.com/jedib0t/go-pretty/v6/table"
)

// cellTable shows cells to people. A dash is a figure that there is not.
func cellTable(cells []Cell) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetColumnConfigs(rightAligned(3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
	t.AppendHeader(table.Row{"load", "mechanism", "delay s", "outcome", "stalled s", "stalls", "kills", "peak MiB", "GiB·s",
		"ops/s", "return s", "MiB/s", "gap ms", "PID 1 ms"})
	for _, c := range cells {
		t.AppendRow(c.row())
	}
	return t.Render()
}

func (c Cell) row() table.Row {
	shown := func(v float64, there bool) string {
		if !there {
			return "–"
		}
		return figure(v)
	}
	back := shown(c.Return, c.Return > 0)
	if c.Return > 0 && !c.Returned {
		back = "> " + back
	}
	return table.Row{c.Load, c.Mechanism, figure(c.Delay), c.Outcome, shown(c.Stalled, c.Gate), shown(float64(c.Stalls), c.Gate),
		c.Kills, figure(c.PeakMiB), figure(c.GiBs), shown(c.Ops, c.Ops > 0), back, shown(c.Rate, c.Rate > 0),
		figure(c.GapMS), shown(c.PID1GapMS, c.Gate)}
}
