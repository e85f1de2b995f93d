package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// heapSubject is what boots: both flavours of the load program in silo's image, and the plain one under the
// distribution's kernel.
type heapSubject struct {
	stockHost
	silo, plain *images.Image
	stockInitrd string // path of an archive with the load program as /init
}

// heapComparison is what the heap benchmark measures besides cells. It makes the result of a bar.
type heapComparison struct {
	name    string
	measure func(context.Context, Config) (Result, error)
}

func (c heapComparison) title() string { return c.name }

func heapComparisons() []heapComparison {
	return []heapComparison{{"price", heapPrice}, {"governor", heapGovernor}}
}

// Heap measures how a guest's memory follows its need, by silo and by the other ways there are, each under
// the same loads. With a selection of cells and comparisons it judges nothing, and says so by an error.
func Heap(ctx context.Context, cfg Config) ([]Result, error) {
	words := os.Getenv(cellsEnv)
	allCells, allCompared := heapPlan(), heapComparisons()
	plan, compared := pick(allCells, words, cellPlan.name), pick(allCompared, words, heapComparison.title)
	if len(plan)+len(compared) == 0 {
		return nil, errNoPart(words, append(names(allCells, cellPlan.name), names(allCompared, heapComparison.title)...))
	}
	results, missing, err := measureHeapCells(ctx, cfg, plan)
	if err != nil {
		return nil, err
	}
	if words == "" && missing != nil {
		return nil, missing
	}
	for _, c := range compared {
		r, err := c.measure(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", c.name, err)
		}
		results = append(results, r)
	}
	if words != "" {
		fmt.Fprintln(cfg.Out, Table(results))
		return nil, errSomeParts(len(plan)+len(compared), len(allCells)+len(allCompared))
	}
	return results, nil
}

// measureHeapCells measures cells and makes the bars that they are enough for; missing says which they are not.
func measureHeapCells(ctx context.Context, cfg Config, plan []cellPlan) (results []Result, missing, err error) {
	if len(plan) == 0 {
		return nil, nil, nil
	}
	s, err := prepareHeap(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	cells, err := s.cells(ctx, cfg, plan)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(cfg.Out, cellTable(cells))
	path, err := write(cfg, "heap-cells", cells)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(cfg.Out, "written to", path)
	results, missing = judgeHeap(cells, below(os.DirFS("/sys")))
	return results, missing, nil
}

func prepareHeap(ctx context.Context, cfg Config) (s heapSubject, err error) {
	machine := devsetup.Machine(cfg.Out)
	if err := devsetup.Ensure(ctx, machine, devsetup.VM, devsetup.Kernel, devsetup.Stock); err != nil {
		return s, err
	}
	for _, flavour := range []struct {
		name string
		to   **images.Image
	}{{"silo", &s.silo}, {"plain", &s.plain}} {
		*flavour.to, err = images.Build(ctx, images.Config{Package: "./internal/bench/heapload/" + flavour.name, Dir: cfg.Dir, Progress: cfg.Out})
		if err != nil {
			return s, err
		}
	}
	if s.stockHost, err = findStockHost(ctx, machine); err != nil {
		return s, err
	}
	s.stockInitrd = filepath.Join(s.dir, "heapload.cpio")
	return s, asInit(s.plain.InitramfsPath(), s.stockInitrd)
}

// cells measures one cell after the other.
func (s heapSubject) cells(ctx context.Context, cfg Config, plan []cellPlan) (cells []Cell, err error) {
	start := time.Now()
	for i, c := range plan {
		cell, err := s.measure(ctx, c, cfg.Out)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", c.name(), err)
		}
		cells = append(cells, cell)
		fmt.Fprintf(cfg.Out, "%5.0f s  cell %d/%d  %-20s %s\n", time.Since(start).Seconds(), i+1, len(plan), c.name(), cell)
	}
	return cells, nil
}

// String is a line for progress.
func (c Cell) String() string {
	back := figure(c.Return) + " s"
	if !c.Returned {
		back = "not within " + back
	}
	return fmt.Sprintf("%s: stalled %.3f s in %d, kills %d, peak %.0f MiB, %.2f GiB·s, %.0f ops/s, %d collections of %.1f s, back %s, %.0f MiB/s, gaps %.0f and %.0f ms",
		c.Outcome, c.Stalled, c.Stalls, c.Kills, c.PeakMiB, c.GiBs, c.Ops, c.Cycles, c.GCCPU, back, c.Rate, c.GapMS, c.PID1GapMS)
}
