package bench

import (
	"errors"
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
	below   string // what the note of the operations says of the machine, see below
	results []Result
	missing []string
}

// judgeHeap returns all bars that can be made, and an error that names the others.
func judgeHeap(cells []Cell, below string) ([]Result, error) {
	j := &heapJudge{cells: cells, below: below}
	j.kills()
	j.rampStalls()
	j.heartbeat()
	j.stalls()
	j.returns()
	j.sawtooth()
	return j.results, errCells(j.missing)
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

// kills counts also guests that are lost in another way.
func (j *heapJudge) kills() {
	all := figures(j.pick(of(bySilo)), func(c Cell) float64 {
		if c.Outcome.lost() {
			return max(float64(c.Kills), 1)
		}
		return float64(c.Kills)
	})
	j.add(heapKills, sum(all), all, "all silo cells, all delays; a guest that hangs or dies in another way counts as one")
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
	note := fmt.Sprintf("silo %.3f s, poller %.3f s, each the sum of medians over the loads that the poller's guest survived (%s); median, min, max of the loads' ratios",
		sum(ours), sum(theirs), strings.Join(loads, ", "))
	if sum(theirs) == 0 {
		note += "; under none of these did anybody wait at the poller's, so there was nothing to be better than"
	}
	j.add(stallRatio, sum(ours)/max(sum(theirs), leastStall), ratios, note)
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

// errCells says that bars could not be judged.
func errCells(missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	return errors.New("judge bars: no cell of use for: " + strings.Join(missing, "; "))
}
