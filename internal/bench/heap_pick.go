package bench

import (
	"slices"
	"strings"
)

// pick returns the cells that all conditions hold for.
func (j *heapJudge) pick(conditions ...func(Cell) bool) (some []Cell) {
	for _, c := range j.cells {
		if !slices.ContainsFunc(conditions, func(holds func(Cell) bool) bool { return !holds(c) }) {
			some = append(some, c)
		}
	}
	return some
}

func of(mechanism string) func(Cell) bool {
	return func(c Cell) bool { return c.Mechanism == mechanism }
}
func under(loads ...string) func(Cell) bool {
	return func(c Cell) bool { return slices.Contains(loads, c.Load) }
}
func atOnce(c Cell) bool  { return c.Delay == 0 }
func through(c Cell) bool { return c.Outcome == OutcomeDone }
func ramping(c Cell) bool { return strings.HasPrefix(c.Load, "ramp") }
func overMinute(c Cell) bool {
	return c.Delay >= longDelay.Seconds()
}

func figures(cells []Cell, of func(Cell) float64) (all []float64) {
	for _, c := range cells {
		all = append(all, of(c))
	}
	return all
}

func sum(all []float64) (s float64) {
	for _, v := range all {
		s += v
	}
	return s
}
