package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// priceRatio is what the price of memory must save of the collection of two guests.
var priceRatio = Bar{"heap.price_ratio", 0.85, Lower, "of equal split"}

const (
	priceRuns = 3 // of each arm; they take turns
	pricePool = 568 << 20
	priceBoot = 48 << 20

	// pricePatience is how long two guests may take; more is a failed measurement.
	pricePatience = 3 * time.Minute
)

// priceLoads are two unlike heaps: much live data and little allocation, and the opposite. The figures are
// the arguments of priceload.
var priceLoads = [2][]string{
	{"200", "200", "400"},
	{"24", "4500", "0"},
}

// priceArm is one way to divide the pool between two guests.
type priceArm struct {
	name string
	max  int64    // of each guest, bytes
	env  []string // of each guest
}

// With half the pool for each nothing is ever scarce for the host, and so no price is published. GOGC=off makes the
// best of a fixed half: the heap grows until the memory limit collects.
var priceArms = [3]priceArm{
	{name: "price", max: pricePool - priceBoot},
	{name: "equal split", max: pricePool / 2},
	{name: "equal split, all of it used", max: pricePool / 2, env: []string{"GOGC=off"}},
}

// priceReport is what priceload says at its end.
type priceReport struct {
	Wall, GC  float64
	Cycles    uint64
	Allocated uint64
	GOGC      uint64
}

// heapPrice measures what two guests in a pool too small for both spend on collection, under the price of memory
// and with the pool split equally, for the same work.
func heapPrice(ctx context.Context, cfg Config) (Result, error) {
	if err := devsetup.Ensure(ctx, devsetup.Machine(cfg.Out), devsetup.VM, devsetup.Kernel); err != nil {
		return Result{}, err
	}
	image, err := images.Build(ctx, images.Config{Package: "./internal/bench/priceload", Dir: cfg.Dir, Progress: cfg.Out})
	if err != nil {
		return Result{}, err
	}
	var runs [len(priceArms)][]pricePair
	for i := range priceRuns {
		for a, arm := range priceArms {
			p, err := arm.run(ctx, image)
			if err != nil {
				return Result{}, fmt.Errorf("measure %s, run %d: %w", arm.name, i+1, err)
			}
			runs[a] = append(runs[a], p)
			fmt.Fprintf(cfg.Out, "%s %d/%d   %v\n", arm.name, i+1, priceRuns, p)
		}
	}
	return judgePrice(runs)
}

// judgePrice compares the arms run by run.
func judgePrice(runs [len(priceArms)][]pricePair) (Result, error) {
	var gc, wall [len(priceArms)][]float64
	for a := range runs {
		for _, p := range runs[a] {
			gc[a] = append(gc[a], p.gc())
			wall[a] = append(wall[a], p.wall())
		}
	}
	note := "processor seconds in collection, both guests, same work; medians"
	for a, arm := range priceArms {
		note += fmt.Sprintf("; %s: %.2f s of collection, %.1f s in all", arm.name, Quantile(gc[a], 0.5), Quantile(wall[a], 0.5))
	}
	note += fmt.Sprintf("; ratio to the half that is used in full: %.2f", Quantile(Ratios(gc[0], gc[2]), 0.5))
	return priceRatio.Of(Ratios(gc[0], gc[1]), note)
}

// pricePair is what two guests said that ran side by side, and the highest price they were told.
type pricePair struct {
	reports [2]priceReport
	price   uint64
}

func (p pricePair) gc() float64 { return p.reports[0].GC + p.reports[1].GC }

// wall is when the later one was done, in seconds.
func (p pricePair) wall() float64 { return max(p.reports[0].Wall, p.reports[1].Wall) }

// String is a line of progress.
func (p pricePair) String() string {
	s := fmt.Sprintf("collection %.2f s, %.1f s in all, price up to %d", p.gc(), p.wall(), p.price)
	for _, r := range p.reports {
		s += fmt.Sprintf("   (%.2f s in %d collections, %.1f s, GOGC %d at the end)", r.GC, r.Cycles, r.Wall, int64(r.GOGC))
	}
	return s
}

// run has both guests do their work side by side on a node of their own.
func (a priceArm) run(ctx context.Context, image *images.Image) (pair pricePair, err error) {
	ctx, cancel := context.WithTimeout(ctx, pricePatience)
	defer cancel()
	n, err := node.New(node.Config{Capacity: broker.Capacity{Memory: pricePool, MilliCPU: 2000}})
	if err != nil {
		return pair, err
	}
	defer n.Close()
	watching := make(chan struct{})
	go func() { defer close(watching); pair.price = highestPrice(ctx, n) }()
	var errs [2]error
	var work sync.WaitGroup
	for i, args := range priceLoads {
		work.Go(func() { pair.reports[i], errs[i] = a.guest(ctx, n, image, args) })
	}
	work.Wait()
	cancel()
	<-watching
	for i, err := range errs {
		if err != nil {
			return pair, fmt.Errorf("guest with arguments %v: %w", priceLoads[i], err)
		}
	}
	return pair, nil
}

// guest runs one guest to its end and returns what it said.
func (a priceArm) guest(ctx context.Context, n *node.Node, image *images.Image, args []string) (r priceReport, err error) {
	var out, errs bytes.Buffer
	exit, err := n.Run(ctx, node.GuestSpec{
		Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(), Args: args, Env: a.env,
		Memory: node.Memory{Min: priceBoot, Max: a.max}, CPU: node.CPU{MinMilli: 1000, MaxMilli: 1000},
		Stdout: &out, Stderr: &errs,
	})
	if err != nil {
		return r, err
	}
	if exit.Code != 0 || exit.Cause != "exit" {
		return r, fmt.Errorf("ended by %s with code %d: %s %s", exit.Cause, exit.Code, exit.Text, strings.TrimSpace(errs.String()))
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, fmt.Errorf("read what it said, %q: %w", out.String(), err)
	}
	if want, _ := strconv.ParseUint(args[1], 10, 64); r.Allocated != want || r.Cycles == 0 {
		return r, fmt.Errorf("it did not do its work: %+v", r)
	}
	return r, nil
}

// highestPrice watches a node until ctx ends.
func highestPrice(ctx context.Context, n *node.Node) (most uint64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return most
		case <-tick.C:
			most = max(most, n.State().Price.Told)
		}
	}
}
