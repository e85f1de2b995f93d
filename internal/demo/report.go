package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/google/renameio/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// report writes the files and prints the closing table.
func report(cfg Config, r Result, rec *recorder) error {
	dir := filepath.Join(cfg.Dir, "out", "demo")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	picture, err := rec.line("silo: a Redis-like store whose virtual machine follows its data").SVG()
	if err != nil {
		return err
	}
	figures, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	for name, content := range map[string][]byte{"timeline.svg": picture, "result.json": append(figures, '\n')} {
		if err := renameio.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	fmt.Fprintf(cfg.Out, "\n%s\nwritten to %s and %s\n", closingTable(r),
		filepath.Join(dir, "result.json"), filepath.Join(dir, "timeline.svg"))
	return nil
}

// closingTable shows the result to people.
func closingTable(r Result) string {
	size := func(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: 70, WidthMaxEnforcer: text.WrapSoft}})
	t.AppendRows([]table.Row{
		{"records loaded / equal / all", fmt.Sprintf("%s / %s / %s", humanize.Comma(int64(r.RecordsLoaded)),
			humanize.Comma(int64(r.RecordsEqual)), humanize.Comma(int64(r.RecordsTotal)))},
		{"live heap, peak", size(r.HeapPeakBytes)},
		{"granted, least / most", size(r.GrantMinBytes) + " / " + size(r.GrantMaxBytes)},
		{"held by the host, peak", size(r.ResidentPeak)},
		{"held by the host after the flush", fmt.Sprintf("%s, below %s after %.1f s", size(r.ResidentAfter), size(residentGoal), r.AfterFlush)},
		{"vCPUs, start / most / end", fmt.Sprintf("%d / %d / %d", r.VCPUsStart, r.VCPUsMax, r.VCPUsEnd)},
		{"stalls / kills", fmt.Sprintf("%d (%.2f s) / %d", r.Stalls, r.StallSeconds, r.Kills)},
		{"accelerator", r.Accelerator},
	})
	for _, p := range r.Phases {
		t.AppendRow(table.Row{p.Name, fmt.Sprintf("%.1f s", p.Seconds)})
	}
	t.AppendSeparator()
	if r.OK {
		t.AppendRow(table.Row{"verdict", "everything as promised"})
	} else {
		t.AppendRow(table.Row{"verdict: NOT as promised", strings.Join(r.Broken, "\n")})
	}
	return t.Render()
}
