package bench

import (
	"fmt"
	"slices"
)

// sawtooth compares by ratios of medians. A guest that was killed is compared for as long as it lived.
func (j *heapJudge) sawtooth() {
	ours, static, poller := j.sawteeth(bySilo), j.sawteeth(byStatic), j.sawteeth(byPoller)
	j.gibs(gibsVsStatic, ours, static)
	j.gibs(gibsVsPoller, ours, poller)
	ops := func(c Cell) float64 { return c.Ops }
	atWork := func(cells []Cell) []Cell {
		return slices.DeleteFunc(slices.Clone(cells), func(c Cell) bool { return c.Ops == 0 })
	}
	we, they := atWork(ours), atWork(static)
	j.ratio(opsRatio, figures(we, ops), figures(they, ops), byStatic, spent(we)+spent(they)+j.below+short(ours)+short(static))
}

func (j *heapJudge) sawteeth(mechanism string) []Cell {
	return j.pick(of(mechanism), atOnce, under(sawtooth.name))
}

// gibs compares the cells of each pair over the shorter of their two lives, by the mean of what they held
// in it: the lives of different pairs have different lengths.
func (j *heapJudge) gibs(bar Bar, ours, theirs []Cell) {
	var a, b []float64
	for i := range min(len(ours), len(theirs)) {
		both := min(ours[i].Seconds, theirs[i].Seconds)
		a, b = append(a, ours[i].gibsFor(both)/both), append(b, theirs[i].gibsFor(both)/both)
	}
	other := ""
	if len(theirs) > 0 {
		other = theirs[0].Mechanism
	}
	j.ratio(bar, a, b, other, short(ours)+short(theirs))
}

// spent says where the time of the operations went.
func spent(cells []Cell) string {
	median := func(of func(Cell) float64) float64 { return Quantile(figures(cells, of), 0.5) }
	if len(cells) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s at work: %.0f page faults, %.1f s of user and %.1f s of system time", cells[0].Mechanism,
		median(func(c Cell) float64 { return float64(c.Cost.Faults) }),
		median(func(c Cell) float64 { return c.Cost.User }), median(func(c Cell) float64 { return c.Cost.System }))
}

// short says how many guests did not live to the end.
func short(cells []Cell) string {
	n := 0
	for _, c := range cells {
		if c.Outcome != OutcomeDone {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d %s guests did not live to the end and count until then", n, len(cells), cells[0].Mechanism)
}

func (j *heapJudge) ratio(bar Bar, ours, theirs []float64, other, note string) {
	x, y := Quantile(ours, 0.5), Quantile(theirs, 0.5)
	j.add(bar, x/y, Ratios(ours, theirs), fmt.Sprintf("sawtooth: median silo %s / median %s %s; median, min, max of pairs measured in turn%s",
		figure(x), other, figure(y), note))
}
