package bench

import (
	"fmt"
	"math"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Table shows results to people.
func Table(results []Result) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetColumnConfigs(rightAligned(2, 3, 6, 7, 8, 9))
	t.AppendHeader(table.Row{"bar", "value", "limit", "unit", "", "median", "min", "max", "n"})
	for _, r := range results {
		verdict, sign := "NOT MET", "≤"
		if r.OK {
			verdict = "met"
		}
		if r.Better == Higher {
			sign = "≥"
		}
		t.AppendRow(table.Row{r.Bar, figure(r.Value), sign + " " + figure(r.Limit), r.Unit, verdict,
			figure(r.Median), figure(r.Min), figure(r.Max), r.N})
	}
	out := t.Render()
	for _, r := range results {
		if r.Note != "" {
			out += fmt.Sprintf("\n%s: %s", r.Bar, r.Note)
		}
	}
	return out
}

func rightAligned(columns ...int) (cfg []table.ColumnConfig) {
	for _, c := range columns {
		cfg = append(cfg, table.ColumnConfig{Number: c, Align: text.AlignRight})
	}
	return cfg
}

// figure shows a number with three significant digits, or all of those before the point.
func figure(v float64) string {
	decimals := 0
	if a := math.Abs(v); a < 100 && a > 0 {
		decimals = min(max(2-int(math.Floor(math.Log10(a))), 0), 6)
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
