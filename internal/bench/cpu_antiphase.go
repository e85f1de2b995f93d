package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/silo-os/silo/host/node"
)

// antiphase is how much work two guests finish that need the host in turn.
var antiphase = Bar{"cpu.antiphase", 0.95, Higher, "of one alone"}

const (
	phaseRuns   = 7
	phaseCycles = 3
	phaseOffset = 2500 * time.Millisecond // half of a cycle of the load
)

// phaseArm is one guest alone with both processors, or two that share them.
type phaseArm struct {
	name   string
	guests int
	cpu    node.CPU
	env    []string
}

var phaseArms = [2]phaseArm{
	{"two in turn", 2, node.CPU{MinMilli: 50, MaxMilli: sharedCPUs * 1000}, nil},
	{"one alone", 1, node.CPU{MinMilli: sharedCPUs * 1000, MaxMilli: sharedCPUs * 1000}, []string{"GOMAXPROCS=2"}}, // nothing is ever moved
}

// measureAntiphase compares the work of a guest that shares the host with one that needs it at other times with that of
// a guest that has it to itself.
func measureAntiphase(ctx context.Context, s cpuSubject, cfg Config) ([]Result, error) {
	var work [2][]float64 // pieces of each run, of a guest
	for i := range phaseRuns {
		for a, arm := range phaseArms {
			pieces, err := arm.run(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", arm.name, i+1, err)
			}
			work[a] = append(work[a], sum(pieces)/float64(len(pieces)))
			fmt.Fprintf(cfg.Out, "antiphase %d/%d   %s: %.0f pieces\n", i+1, phaseRuns, arm.name, pieces)
		}
	}
	r, err := antiphase.Of(Ratios(work[0], work[1]), fmt.Sprintf(
		"pieces of work in %d cycles of one second of work and four of rest, of a guest; the mean of two half a cycle apart, each guaranteed %d thousandths of a vCPU, %.0f; alone with both processors %.0f; medians",
		phaseCycles, phaseArms[0].cpu.MinMilli, Quantile(work[0], 0.5), Quantile(work[1], 0.5)))
	return []Result{r}, err
}

// run has the guests go through their cycles and returns what each finished.
func (a phaseArm) run(ctx context.Context, s cpuSubject) (pieces []float64, err error) {
	h, err := startShared(ctx, s, sharedCPUs*1000, a.guests, a.cpu, a.env...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	events, _, err := h.all(ctx, "phase", func(i int) string {
		return fmt.Sprintf("phase %d %d", phaseCycles, time.Duration(i)*phaseOffset/time.Millisecond)
	})
	for _, e := range events {
		pieces = append(pieces, float64(e.Pieces))
	}
	return pieces, err
}
