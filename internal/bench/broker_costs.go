package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/silo-os/silo/host/broker/sim"
)

// brokerSizes are the numbers of guests, and stepsAt the one that the bar of a step speaks of.
var brokerSizes = []int{100, 1000, 10_000, 100_000}

const (
	stepsAt     = 10_000
	plentyAt    = 0.7 // wants as a part of what there is
	scarceAt    = 1.4
	changesEach = 1000 // steps with one changed demand, in each round
	costRounds  = 5
)

// stepCosts are what steps cost with so many guests: medians, in microseconds.
type stepCosts struct {
	guests         int
	plenty, scarce float64 // one changed demand
	wave           float64 // every demand changed, where memory is scarce
}

// brokerCosts measures steps with different numbers of guests, and the memory of a broker.
func brokerCosts(ctx context.Context, cfg Config) ([]Result, error) {
	var all []stepCosts
	var atBar, memory []float64
	for _, n := range brokerSizes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		plenty, scarce, wave := measureSteps(n)
		all = append(all, stepCosts{n, Quantile(plenty, 0.5), Quantile(scarce, 0.5), Quantile(wave, 0.5)})
		if n == stepsAt {
			atBar = scarce
			for range costRounds {
				memory = append(memory, brokerMegabytes(n))
			}
		}
	}
	fmt.Fprintln(cfg.Out, costTable(all))
	ratios, waves := growthRatios(all)
	var c collected
	c.add(brokerStep.Of(atBar, fmt.Sprintf("%d guests, memory scarce, one changed demand a step; with plenty %s µs", stepsAt, figure(all[2].plenty))))
	c.add(brokerMemory.Of(memory, fmt.Sprintf("heap of a broker with %d guests after a wave of changes", stepsAt)))
	c.add(brokerGrowth.With(Quantile(ratios, 1), ratios, fmt.Sprintf("the worst of what steps with one changed demand cost, from %d guests to more, by what n log n would have them cost; 1 = as n log n; a step in which all change, which allocates for each, is at %s", brokerSizes[0], figure(Quantile(waves, 1)))))
	return c.results, c.err
}

// measureSteps returns what single steps with n guests cost, in microseconds.
func measureSteps(n int) (plenty, scarce, wave []float64) {
	easy, tight := sim.NewResting(n, plentyAt), sim.NewResting(n, scarceAt)
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	for range costRounds {
		for range changesEach {
			plenty, scarce = append(plenty, micros(easy.Change())), append(scarce, micros(tight.Change()))
		}
		wave = append(wave, micros(tight.Wave()))
	}
	return plenty, scarce, wave
}

// brokerMegabytes is the heap that a broker with n guests takes.
func brokerMegabytes(n int) float64 {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	r := sim.NewResting(n, scarceAt)
	r.Wave()
	after := heap()
	runtime.KeepAlive(r)
	return float64(after-before) / 1e6
}

// growthRatios compares each size with the first: how much more steps cost, by how much more n log n is. Those in which
// all demands change stand apart.
func growthRatios(all []stepCosts) (ratios, waves []float64) {
	nLogN := func(n int) float64 { return float64(n) * math.Log(float64(n)) }
	first := all[0]
	for _, c := range all[1:] {
		expected := nLogN(c.guests) / nLogN(first.guests)
		ratios = append(ratios, c.plenty/first.plenty/expected, c.scarce/first.scarce/expected)
		waves = append(waves, c.wave/first.wave/expected)
	}
	return ratios, waves
}

// costTable shows the costs to people.
func costTable(all []stepCosts) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetColumnConfigs(rightAligned(1, 2, 3, 4, 5))
	t.AppendHeader(table.Row{"guests", "one change, plenty, µs", "one change, scarce, µs", "all changed, scarce, µs", "n log n by first"})
	nLogN := func(n int) float64 { return float64(n) * math.Log(float64(n)) }
	for _, c := range all {
		t.AppendRow(table.Row{c.guests, figure(c.plenty), figure(c.scarce), figure(c.wave), figure(nLogN(c.guests) / nLogN(all[0].guests))})
	}
	return t.Render()
}
