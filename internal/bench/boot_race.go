package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// bootTimes are the measured starts, in seconds; the n-th of each were measured one after the other.
type bootTimes struct {
	saving, template, cold siloTimes
	stock                  []float64
	templateBytes          int64 // on disk
}

// siloTimes are starts of silo's image in one way, in seconds.
type siloTimes struct{ hello, main []float64 }

func (t *siloTimes) add(hello, main time.Duration) {
	t.hello, t.main = append(t.hello, hello.Seconds()), append(t.main, main.Seconds())
}

// race boots silo and the stock kernel in turn.
func (s subject) race(ctx context.Context, cfg Config) (t bootTimes, err error) {
	for i := range bootRuns + 1 {
		one, err := s.lap(ctx)
		if err != nil {
			return t, fmt.Errorf("boot run %d: %w", i, err)
		}
		note := "   (fills the caches, not counted)"
		if i > 0 {
			t, note = t.with(one), ""
		}
		fmt.Fprintf(cfg.Out, "boot %d/%d   to main: from a template %.2f s, cold %.2f s, cold and saved %.2f s, stock %.2f s%s\n", i, bootRuns,
			one.template.main[0], one.cold.main[0], one.saving.main[0], one.stock[0], note)
	}
	return t, nil
}

// with adds another lap.
func (t bootTimes) with(o bootTimes) bootTimes {
	for _, p := range []struct{ to, from *siloTimes }{{&t.saving, &o.saving}, {&t.template, &o.template}, {&t.cold, &o.cold}} {
		p.to.hello, p.to.main = append(p.to.hello, p.from.hello...), append(p.to.main, p.from.main...)
	}
	t.stock, t.templateBytes = append(t.stock, o.stock...), o.templateBytes
	return t
}

// lap is one start in each way, with a template of its own.
func (s subject) lap(ctx context.Context) (t bootTimes, err error) {
	dir, err := os.MkdirTemp("", "bench-template-")
	if err != nil {
		return t, fmt.Errorf("make folder for templates: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, way := range []struct {
		to        *siloTimes
		templates string
	}{{&t.saving, dir}, {&t.template, dir}, {&t.cold, ""}} {
		hello, main, err := s.bootSilo(ctx, way.templates, way.to == &t.template)
		if err != nil {
			return t, fmt.Errorf("silo: %w", err)
		}
		way.to.add(hello, main)
	}
	if t.templateBytes, err = diskUsage(dir); err != nil {
		return t, err
	}
	stock, err := s.bootStock(ctx)
	if err != nil {
		return t, fmt.Errorf("stock kernel: %w", err)
	}
	t.stock = []float64{stock.Seconds()}
	return t, nil
}

// diskUsage is what the files of a folder take on disk, bytes.
func diskUsage(dir string) (sum int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("measure template: %w", err)
	}
	for _, e := range entries {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, e.Name()), &st); err != nil {
			return 0, fmt.Errorf("measure template: %w", err)
		}
		sum += st.Blocks * 512
	}
	return sum, nil
}
