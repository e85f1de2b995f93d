package bench

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/internal/bench/heapload/load"
)

// heapCells are the cells of a run in which silo keeps every promise.
func heapCells() (cells []Cell) {
	for _, l := range []string{"ramp10", "ramp50", "ramp200", "steps", "large512", "sawtooth"} {
		silo := Cell{Mechanism: bySilo, Load: l, Outcome: OutcomeDone, Gate: true, GiBs: 4, Ops: 970, Return: 0.6, Returned: true, Cost: load.Cost{Faults: 9000, User: 4, System: 2.5}}
		poller := Cell{Mechanism: byPoller, Load: l, Outcome: OutcomeDone, Gate: true, GiBs: 8, Ops: 900, Stalled: 0.5, Stalls: 2, Return: 5}
		static := Cell{Mechanism: byStatic, Load: l, Outcome: OutcomeDone, Gate: true, GiBs: 10, Ops: 1000, Return: 5}
		for _, c := range []*Cell{&silo, &poller, &static} {
			c.Seconds, c.memory = 10, flat(c.GiBs/10, 10)
		}
		cells = append(cells, silo, poller, static)
	}
	return append(cells, Cell{Mechanism: bySilo, Load: "ramp50", Delay: 60, Outcome: OutcomeCut, Gate: true, Stalls: 4, Stalled: 100, GapMS: 90, PID1GapMS: 150})
}

// flat is a recording of so many GiB for so many seconds.
func flat(gib float64, seconds int) (r recording) {
	for i := range seconds + 1 {
		r = append(r, heapSample{time.Duration(i) * time.Second, int64(gib * (1 << 30))})
	}
	return r
}

func TestJudgeHeap(t *testing.T) {
	results, err := judgeHeap(heapCells(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"heap.kills": 0, "heap.ramp_stalls": 0, "heap.heartbeat_gap_ms": 150, "heap.stall_ratio": 0, "heap.return_s": 0.6,
		"heap.return_ratio": 0.12, "heap.gibs_vs_static": 0.4, "heap.gibs_vs_poller": 0.5, "heap.ops_ratio": 0.97}
	for _, r := range results {
		if w, ok := want[r.Bar]; !ok || math.Abs(r.Value-w) > 1e-6 || !r.OK {
			t.Errorf("%+v, want %v", r, w)
		}
		delete(want, r.Bar)
		if r.Bar == "heap.return_ratio" && !strings.Contains(r.Note, "did not return") {
			t.Errorf("the note hides that memory never returned: %s", r.Note)
		}
		if r.Bar == "heap.ops_ratio" && !strings.Contains(r.Note, "silo at work: 9000 page faults, 4.0 s of user and 2.5 s of system time; static at work: 0 page faults") {
			t.Errorf("the note hides where the time went: %s", r.Note)
		}
	}
	if len(want) != 0 {
		t.Errorf("not judged: %v", want)
	}
}

// TestJudgeHeapSpoiled spoils one cell at a time and names the bars that must then not be met.
func TestJudgeHeapSpoiled(t *testing.T) {
	for _, c := range []struct {
		bar   string
		spoil func(*Cell)
	}{
		{"heap.kills", func(c *Cell) { c.Kills = 1 }},
		{"heap.kills", func(c *Cell) { c.Outcome = OutcomeStuck }},
		{"heap.kills", func(c *Cell) { c.Outcome = OutcomeDied }},
		{"heap.ramp_stalls", func(c *Cell) { c.Stalls, c.Stalled = 1, 0.001 }},
		{"heap.stall_ratio", func(c *Cell) { c.Stalled = 0.2 }},
		{"heap.return_s", func(c *Cell) { c.Return = 1.1 }},
	} {
		cells := heapCells()
		c.spoil(&cells[0])
		results, err := judgeHeap(cells, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Bar == c.bar && r.OK {
				t.Errorf("%s is met by %+v", c.bar, cells[0])
			}
		}
	}
}

// TestJudgeHeapShortLives: a short life that held much is not made small by its length.
func TestJudgeHeapShortLives(t *testing.T) {
	cells := heapCells()
	sawtooth := func(mechanism string, gib float64, seconds int, end Outcome) Cell {
		return Cell{Mechanism: mechanism, Load: "sawtooth", Outcome: end, Gate: true, Ops: 1, Seconds: float64(seconds), memory: flat(gib, seconds)}
	}
	for range 2 {
		cells = append(cells, sawtooth(bySilo, 0.9, 2, OutcomeKilled), sawtooth(byStatic, 1, 10, OutcomeDone))
	}
	results, err := judgeHeap(cells, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Bar == "heap.gibs_vs_static" && (math.Abs(r.Value-0.9) > 1e-6 || r.OK) {
			t.Errorf("%+v, want 0.9", r)
		}
	}
}

// TestJudgeHeapWithoutStalls: a poller under whom nobody waited is no division by zero.
func TestJudgeHeapWithoutStalls(t *testing.T) {
	cells := heapCells()
	for i := range cells {
		if cells[i].Mechanism == byPoller {
			cells[i].Stalled = 0
		}
	}
	results, err := judgeHeap(cells, "")
	if err != nil || len(results) != 9 {
		t.Errorf("%d bars, %v", len(results), err)
	}
}

func TestJudgeHeapNamesWhatIsMissing(t *testing.T) {
	var some []Cell
	for _, c := range heapCells() {
		if c.Mechanism == bySilo {
			some = append(some, c)
		}
		if c.Mechanism == byPoller {
			c.Outcome, c.Kills, c.Seconds = OutcomeKilled, 1, 5
			some = append(some, c)
		}
	}
	results, err := judgeHeap(some, "")
	if err == nil || len(results) != 5 {
		t.Fatalf("%d bars, %v", len(results), err)
	}
	for _, r := range results {
		if r.Bar == "heap.gibs_vs_poller" && (math.Abs(r.Value-0.5) > 1e-6 || !strings.Contains(r.Note, "poller guests did not live")) {
			t.Errorf("beside guests that were killed: %+v", r)
		}
	}
	for _, bar := range []string{"heap.stall_ratio", "heap.return_ratio", "heap.gibs_vs_static", "heap.ops_ratio"} {
		if !strings.Contains(err.Error(), bar) {
			t.Errorf("%v does not name %s", err, bar)
		}
	}
}
