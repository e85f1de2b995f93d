package bench

import (
	"fmt"
	"slices"
	"strings"
)

// The bars of the heap benchmark that are made from cells.
var (
	heapKills     = Bar{"heap.kills", 0, Lower, ""}
	rampStalls    = Bar{"heap.ramp_stalls", 0, Lower, ""}
	heartbeatGap  = Bar{"heap.heartbeat_gap_ms", 200, Lower, "ms"}
	stallRatio    = Bar{"heap.stall_ratio", 0.05, Lower, "of poller"}
	returnSeconds = Bar{"heap.return_s", 1, Lower, "s"}
	returnRatio   = Bar{"heap.return_ratio", 0.2, Lower, "of static"}
	gibsVsStatic  = Bar{"heap.gibs_vs_static", 0.6, Lower, "of static"}
	gibsVsPoller  = Bar{"heap.gibs_vs_poller", 0.8, Lower, "of poller"}
	opsRatio      = Bar{"heap.ops_ratio", 0.95, Higher, "of static"}
)

// heapJudge makes the bars from the cells; a bar whose cells there are not is missing.
type heapJudge struct {
	cells   []Cell
	results []Result
	missing []string
}

// judgeHeap returns all bars that can be made, and an error that names the others.
func judgeHeap(cells []Cell) ([]Result, error) {
	j := &heapJudge{cells: cells}
	j.kills()
	j.rampStalls()
	j.heartbeat()
	j.stalls()
	j.returns()
	j.sawtooth()
	return j.results, errCells(j.missing)
}

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

// add makes a bar's result, or notes that it is missing.
func (j *heapJudge) add(b Bar, value float64, samples []float64, note string) {
	r, err := b.With(value, samples, note)
	if err != nil {
		j.missing = append(j.missing, b.Name)
		return
	}
	j.results = append(j.results, r)
}

// kills counts also guests that hang: they are lost as well.
func (j *heapJudge) kills() {
	all := figures(j.pick(of(bySilo)), func(c Cell) float64 {
		if c.Outcome == OutcomeStuck {
			return float64(c.Kills) + 1
		}
		return float64(c.Kills)
	})
	j.add(heapKills, sum(all), all, "all silo cells, all delays; a guest that hangs counts as one")
}

func (j *heapJudge) rampStalls() {
	all := figures(j.pick(of(bySilo), ramping, atOnce), func(c Cell) float64 { return float64(c.Stalls) })
	j.add(rampStalls, sum(all), all, "threads that waited at the gate, all ramps of the heap at delay 0")
}

func (j *heapJudge) heartbeat() {
	all := figures(j.pick(of(bySilo), overMinute), func(c Cell) float64 { return max(c.GapMS, c.PID1GapMS) })
	value := 0.0
	if len(all) > 0 {
		value = slices.Max(all)
	}
	j.add(heartbeatGap, value, all, "each grant 60 s late; the longest pause of a goroutine that does not allocate, or between two answers of PID 1")
}

// leastStall is the shortest stall that PID 1 can tell from none, in seconds: its tick.
const leastStall = 0.005

// stalls compares over the loads that the poller survived.
func (j *heapJudge) stalls() {
	var ours, theirs []float64
	var loads []string
	for _, c := range j.pick(of(byPoller), atOnce, through) {
		if slices.Contains(loads, c.Load) {
			continue
		}
		loads = append(loads, c.Load)
		seconds := func(c Cell) float64 { return c.Stalled }
		if silo := j.pick(of(bySilo), atOnce, under(c.Load)); len(silo) > 0 {
			ours = append(ours, Quantile(figures(silo, seconds), 0.5))
			theirs = append(theirs, Quantile(figures(j.pick(of(byPoller), atOnce, through, under(c.Load)), seconds), 0.5))
		}
	}
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / max(theirs[i], leastStall)
	}
	j.add(stallRatio, sum(ours)/max(sum(theirs), leastStall), ratios,
		fmt.Sprintf("silo %.3f s, poller %.3f s, each the sum of medians over %s; median, min, max of the loads' ratios",
			sum(ours), sum(theirs), strings.Join(loads, ", ")))
}

func (j *heapJudge) returns() {
	seconds := func(c Cell) float64 { return c.Return }
	ours, static := j.pick(of(bySilo), ramping, atOnce, through), j.pick(of(byStatic), ramping, through)
	all := figures(ours, seconds)
	value := 0.0
	if len(all) > 0 {
		value = slices.Max(all)
	}
	j.add(returnSeconds, value, all, "the longest of all ramps at delay 0: from the drop until 90 % of it were back on the host"+j.never(ours))
	ratios := Ratios(all, figures(static, seconds))
	j.add(returnRatio, Quantile(all, 0.5)/Quantile(figures(static, seconds), 0.5), ratios,
		"median silo / median static, same ramps; median, min, max of pairs"+j.never(static))
}

// never says of which guests the memory did not return while they were watched.
func (j *heapJudge) never(cells []Cell) string {
	n := 0
	for _, c := range cells {
		if !c.Returned {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; of %d %s guests %d did not return it within the window, which then counts (median %.1f s)",
		len(cells), cells[0].Mechanism, n, Quantile(figures(cells, func(c Cell) float64 { return c.Return }), 0.5))
}

// sawtooth compares by ratios of medians. A guest that was killed is compared for as long as it lived.
func (j *heapJudge) sawtooth() {
	ours, static, poller := j.sawteeth(bySilo), j.sawteeth(byStatic), j.sawteeth(byPoller)
	j.gibs(gibsVsStatic, ours, static)
	j.gibs(gibsVsPoller, ours, poller)
	ops := func(c Cell) float64 { return c.Ops }
	worked := func(cells []Cell) []Cell {
		return slices.DeleteFunc(slices.Clone(cells), func(c Cell) bool { return c.Ops == 0 })
	}
	j.ratio(opsRatio, figures(worked(ours), ops), figures(worked(static), ops), byStatic, short(ours)+short(static))
}

func (j *heapJudge) sawteeth(mechanism string) []Cell {
	return j.pick(of(mechanism), atOnce, under(sawtooth.name))
}

// gibs compares the cells of each pair over the shorter of their two lives.
func (j *heapJudge) gibs(bar Bar, ours, theirs []Cell) {
	var a, b []float64
	for i := range min(len(ours), len(theirs)) {
		both := min(ours[i].Seconds, theirs[i].Seconds)
		a, b = append(a, ours[i].gibsFor(both)), append(b, theirs[i].gibsFor(both))
	}
	other := ""
	if len(theirs) > 0 {
		other = theirs[0].Mechanism
	}
	j.ratio(bar, a, b, other, short(ours)+short(theirs))
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
