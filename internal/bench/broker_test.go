package bench

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/broker/sim"
)

func TestGrowthRatios(t *testing.T) {
	of := func(n int, f func(float64) float64) stepCosts {
		return stepCosts{n, 1, f(float64(n)), f(float64(n))}
	}
	for _, c := range []struct {
		name  string
		f     func(float64) float64
		worst float64
	}{
		{"n log n", func(n float64) float64 { return 3 * n * math.Log(n) }, 1},
		{"linear", func(n float64) float64 { return n }, math.Log(100) / math.Log(1000)},
		{"square", func(n float64) float64 { return n * n }, 1000 * math.Log(100) / math.Log(100_000)},
	} {
		var all []stepCosts
		for _, n := range brokerSizes {
			all = append(all, of(n, c.f))
		}
		steps, waves := growthRatios(all)
		for _, got := range []float64{Quantile(steps, 1), Quantile(waves, 1)} {
			if math.Abs(got/c.worst-1) > 1e-9 {
				t.Errorf("%s: %v, want %v", c.name, got, c.worst)
			}
		}
	}
}

func TestWorldFigures(t *testing.T) {
	held := map[sim.Spec]float64{{Load: sim.Steady, Manner: sim.Liar}: 3, {Load: sim.Steady, Manner: sim.Hoarder}: 2, {Load: sim.Greedy, Manner: sim.Honest}: 4}
	good := sim.Score{Satisfied: 0.97, Jain: 0.99, Held: held, Steps: leastSteps}
	var f worldFigures
	f.add(good, 1.2, nil)
	f.add(sim.Score{Satisfied: 0.96, Jain: 0.98, Held: held, Kills: map[sim.Manner]int{sim.Refusing: 3}}, 0.7, nil)
	results, err := f.judge()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.96, 0.98, 0, 0.75} {
		if results[i].Value != want || !results[i].OK {
			t.Errorf("%+v, want %v", results[i], want)
		}
	}
	f.add(sim.Score{Kills: map[sim.Manner]int{sim.Honest: 1}, Held: held}, 1, errors.New("boom"))
	if results, err = f.judge(); err != nil || results[2].Value != 2 || results[2].OK || !strings.Contains(results[2].Note, "boom") {
		t.Errorf("%+v, %v", results, err)
	}
	var few worldFigures
	few.add(sim.Score{Satisfied: 1, Jain: 1, Held: held, Steps: 10}, 1.2, nil)
	if _, err := few.judge(); err == nil {
		t.Error("ten steps were enough")
	}
}
