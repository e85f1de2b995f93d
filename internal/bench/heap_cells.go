package bench

import (
	"time"

	"github.com/silo-os/silo/internal/bench/heapload/load"
)

// The mechanisms by which a guest's memory follows its need.
const (
	bySilo    = "silo"    // silo's guest and library, silo's host
	byPoller  = "poller"  // silo's guest without the library; an outside poller resizes virtio-mem
	byStatic  = "static"  // all memory from the start; free page reporting gives back
	byBalloon = "balloon" // all memory from the start, less what a balloon holds, which the poller drives
	byHotplug = "hotplug" // stock kernel; the poller plugs modules by ACPI
)

var mechanisms = []string{bySilo, byPoller, byStatic, byBalloon, byHotplug}

// What every guest of the benchmark is given. A guest whose size is polled starts with one step.
const (
	heapLeast = 64 << 20 // silo's
	pollLeast = pollStep
	heapMost  = 2 << 30
	heapVCPUs = 2
)

// heapLoad is a scenario under its name.
type heapLoad struct {
	name string
	load.Scenario
}

const (
	idle   = time.Second     // before each load
	silent = 5 * time.Second // after its last drop: the window in which memory may return
)

var (
	ramp10   = heapLoad{"ramp10", load.Scenario{Load: load.Ramp, Rate: 10, Top: 256, Idle: idle, Silent: silent}}
	ramp50   = heapLoad{"ramp50", load.Scenario{Load: load.Ramp, Rate: 50, Top: 1024, Idle: idle, Silent: silent}}
	ramp200  = heapLoad{"ramp200", load.Scenario{Load: load.Ramp, Rate: 200, Top: 1024, Idle: idle, Silent: silent}}
	steps    = heapLoad{"steps", load.Scenario{Load: load.Steps, Rate: 200, Top: 768, Idle: idle, Silent: silent}}
	sawtooth = heapLoad{"sawtooth", load.Scenario{Load: load.Sawtooth, Top: 512, Idle: idle, Silent: silent}}
	large    = heapLoad{"large512", load.Scenario{Load: load.Large, Top: 512, Idle: idle, Silent: silent}}
)

// cellPlan is one measurement to be made.
type cellPlan struct {
	mechanism string
	heapLoad
	delay time.Duration // of each resize, injected at the host
	cut   time.Duration // from the boot on, when the measurement ends wherever the load is; 0 = it goes to its end
}

// name is what a selection is held against.
func (c cellPlan) name() string {
	name := c.mechanism + "/" + c.heapLoad.name
	if c.delay != 0 {
		name += "@" + c.delay.String()
	}
	return name
}

// deadline is when a guest is taken to be stuck.
func (c cellPlan) deadline() time.Duration {
	if c.cut != 0 {
		return c.cut
	}
	return time.Minute + 2*c.Nominal() + 12*c.delay
}

// sawtoothRounds is how often the mechanisms that are compared by ratio go through the sawtooth, in turn.
const sawtoothRounds = 3

// longDelay is longer than any load would take: a guest is watched at it, not through it.
const (
	longDelay = time.Minute
	longCut   = 2*longDelay + 20*time.Second
)

// heapPlan is all cells, in the order in which they are measured: those of a late host, which compare with
// nothing, then of each load all mechanisms in turn.
func heapPlan() (plan []cellPlan) {
	for _, l := range []heapLoad{ramp50, large} {
		for _, d := range []time.Duration{100 * time.Millisecond, 5 * time.Second} {
			plan = append(plan, cellPlan{mechanism: bySilo, heapLoad: l, delay: d})
		}
		plan = append(plan, cellPlan{mechanism: bySilo, heapLoad: l, delay: longDelay, cut: longCut})
	}
	for _, l := range []heapLoad{ramp10, ramp50, ramp200, steps, large, sawtooth} {
		for _, m := range mechanisms {
			plan = append(plan, cellPlan{mechanism: m, heapLoad: l})
		}
	}
	for range sawtoothRounds - 1 {
		for _, m := range []string{bySilo, byPoller, byStatic} {
			plan = append(plan, cellPlan{mechanism: m, heapLoad: sawtooth})
		}
	}
	for i, c := range plan {
		if c.mechanism == byBalloon {
			plan[i].Idle += balloonInflates
		}
	}
	return plan
}

// balloonInflates is what the balloon is given to fill before the load begins.
const balloonInflates = 9 * time.Second
