package bench

import (
	"time"

	"github.com/silo-os/silo/internal/bench/heapload/load"
)

// Outcome says how a cell's measurement ended.
type Outcome string

// The outcomes. All but Done are told with a reason.
const (
	OutcomeDone   Outcome = "done"   // the load went to its end
	OutcomeCut    Outcome = "cut"    // it was watched for as long as was planned
	OutcomeKilled Outcome = "killed" // the guest's program was ended for want of memory
	OutcomeDied   Outcome = "died"   // the guest ended in another way before its load did
	OutcomeStuck  Outcome = "stuck"  // it did not come to its end in twice the time and more
)

// lost reports whether the guest did not survive.
func (o Outcome) lost() bool { return o != OutcomeDone && o != OutcomeCut }

// Cell is one mechanism under one load, as measured. The field names are those of the JSON file.
type Cell struct {
	Mechanism string  `json:"mechanism"`
	Load      string  `json:"load"`
	Delay     float64 `json:"delay_s"` // of each grant, injected at the host
	Outcome   Outcome `json:"outcome"`
	Why       string  `json:"why,omitempty"`

	Gate      bool      `json:"gate"` // there is a gate at which threads wait and are counted
	Stalls    uint64    `json:"stalls"`
	Stalled   float64   `json:"stalled_s"`
	Kills     uint64    `json:"kills"`
	PeakMiB   float64   `json:"peak_mib"`
	GiBs      float64   `json:"gib_s"` // host-resident memory over time, from a second before the load on
	Ops       float64   `json:"ops_per_s"`
	Cost      load.Cost `json:"cost"`        // of them
	Cycles    uint64    `json:"cycles"`      // garbage collections
	GCCPU     float64   `json:"gc_cpu_s"`    // vCPU seconds they took
	Return    float64   `json:"return_s"`    // until 90 % of the last drop were back on the host
	Returned  bool      `json:"returned"`    // false: Return is the whole window
	Rate      float64   `json:"rate_mib_s"`  // of growth reached
	GapMS     float64   `json:"gap_ms"`      // longest of a goroutine that does not allocate
	PID1GapMS float64   `json:"pid1_gap_ms"` // longest between two answers of PID 1, called every 50 ms
	Seconds   float64   `json:"seconds"`     // from a second before the load to its end

	memory recording // what GiBs is the integral of
}

// gibsFor is GiBs of the first seconds only.
func (c Cell) gibsFor(seconds float64) float64 {
	if len(c.memory) == 0 {
		return 0
	}
	from := c.memory[0].at
	return c.memory.between(from, from+time.Duration(seconds*float64(time.Second))).gibSeconds()
}

// observed is all that was seen of a guest, for Cell to be made from.
type observed struct {
	outcome Outcome
	why     string
	heard   []word
	memory  recording
	said    pid1
	gate    bool
	pid1Gap time.Duration
	end     time.Duration // of the measurement
}

// cell sums up what was observed.
func (o observed) cell(c cellPlan) Cell {
	cell := Cell{
		Mechanism: c.mechanism, Load: c.heapLoad.name, Delay: c.delay.Seconds(), Outcome: o.outcome, Why: o.why,
		Gate: o.gate, Stalls: o.said.stalls, Stalled: o.said.stalled.Seconds(), Kills: o.said.kills,
		PID1GapMS: o.pid1Gap.Seconds() * 1000,
	}
	if o.outcome == OutcomeKilled {
		cell.Kills = max(cell.Kills, 1)
	}
	for _, h := range o.heard {
		cell.Cycles, cell.GCCPU = max(cell.Cycles, h.Cycles), max(cell.GCCPU, h.GCCPU)
		cell.GapMS = max(cell.GapMS, h.GapMS)
		cell.Rate = max(cell.Rate, h.Rate)
		if h.Busy > 0 {
			cell.Ops, cell.Cost = float64(h.Ops)/h.Event.Busy, h.Cost
		}
	}
	if n := len(o.heard); o.outcome == OutcomeStuck && n > 0 {
		o.end = o.heard[n-1].at // what a guest that hangs goes on holding is no measure of anything
	}
	from := time.Duration(0)
	if busy, ok := first(o.heard, load.Busy); ok {
		from = busy.at - idle
	}
	part := o.memory.between(from, o.end)
	cell.memory, cell.Seconds = part, (o.end - from).Seconds()
	cell.GiBs, cell.PeakMiB = part.gibSeconds(), float64(part.peak())/(1<<20)
	if drop, ok := last(o.heard, load.Dropped); ok {
		after, returned := part.returned(drop.at, drop.Bytes)
		cell.Return, cell.Returned = after.Seconds(), returned
	}
	return cell
}
