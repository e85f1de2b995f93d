package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/silo-os/silo/internal/bench/heapload/load"
)

func TestHeapPlan(t *testing.T) {
	plan := heapPlan()
	count := map[string]int{}
	total := time.Duration(0)
	for _, c := range plan {
		count[c.name()]++
		if c.cut != 0 {
			total += c.cut
		} else {
			total += c.Nominal() + 2*time.Second
		}
		if c.deadline() <= c.Nominal() && c.cut == 0 {
			t.Errorf("%s may take %v and takes %v", c.name(), c.deadline(), c.Nominal())
		}
		if c.delay != 0 && c.mechanism != bySilo {
			t.Errorf("%s: only silo's host can be late", c.name())
		}
	}
	for _, name := range []string{"silo/ramp10", "balloon/steps", "hotplug/large512", "silo/ramp50@100ms", "silo/large512@1m0s"} {
		if count[name] != 1 {
			t.Errorf("%s is measured %d times", name, count[name])
		}
	}
	if count["static/sawtooth"] != sawtoothRounds || count["hotplug/sawtooth"] != 1 {
		t.Errorf("sawtooth: %v", count)
	}
	if total > 30*time.Minute {
		t.Errorf("the plan takes %v", total)
	}
}

// TestCellOf makes a cell of what was observed.
func TestCellOf(t *testing.T) {
	s := time.Second
	event := func(at time.Duration, e load.Event) word { return word{e, at} }
	o := observed{
		outcome: OutcomeKilled, why: "memory", gate: true, pid1Gap: 70 * time.Millisecond, end: 10 * s,
		said: pid1{stalls: 3, stalled: 500 * time.Millisecond},
		heard: []word{
			event(2*s, load.Event{Kind: load.Busy}), event(4*s, load.Event{Kind: load.Full, Rate: 48, Ops: 10, Busy: 2, GapMS: 30}),
			event(5*s, load.Event{Kind: load.Dropped, Bytes: 1 << 30, Ops: 100, Busy: 2, GapMS: 20}),
		},
		memory: recording{{0, 9 << 30}, {1 * s, 0}, {5 * s, 1 << 30}, {7 * s, 0}, {10 * s, 0}, {11 * s, 9 << 30}},
	}
	got := o.cell(cellPlan{mechanism: byPoller, heapLoad: ramp50, delay: 5 * s})
	want := Cell{Mechanism: byPoller, Load: "ramp50", Delay: 5, Outcome: OutcomeKilled, Why: "memory", Gate: true, Stalls: 3, Stalled: 0.5,
		Kills: 1, PeakMiB: 1024, GiBs: 3, Ops: 50, Return: 2, Returned: true, Rate: 48, GapMS: 30, PID1GapMS: 70, Seconds: 9}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Cell{})); diff != "" {
		t.Error(diff)
	}
	if g := got.gibsFor(4); g != 2 {
		t.Errorf("%v GiB·s in the first four seconds", g)
	}
	o.outcome = OutcomeStuck
	if stuck := o.cell(cellPlan{mechanism: byPoller, heapLoad: ramp50}); stuck.Seconds != 4 || stuck.GiBs != 2 {
		t.Errorf("of a guest that hangs since its last word: %v s, %v GiB·s", stuck.Seconds, stuck.GiBs)
	}
	if text := cellTable([]Cell{got}); !strings.Contains(text, "poller") || !strings.Contains(text, "killed") {
		t.Error(text)
	}
}

func TestHotplugArgs(t *testing.T) {
	args := heapSubject{stockHost: stockHost{stock: "/bzImage", accel: "tcg"}, stockInitrd: "/load.cpio"}.hotplugArgs(ramp10.Args())
	line := strings.Join(args, " ")
	for _, want := range []string{"-m 268435456B,slots=7,maxmem=2147483648B", "-kernel /bzImage", "memhp_default_state=online_movable", "-- -load ramp -rate 10"} {
		if !strings.Contains(line, want) {
			t.Errorf("the command line lacks %q: %s", want, line)
		}
	}
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "virtio-mem") }) {
		t.Error("there is a virtio-mem device as well")
	}
}
