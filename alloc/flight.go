package alloc

import "time"

// flight notices that a collection runs which the program began and whose end it does not wait for: it has fallen silent meanwhile.
// The runtime tells only when one is over. What is seen before is that a vCPU is busy though nothing is allocated,
// when so much was allocated since the last collection that the next one is due.
//
//	none     nothing of the kind                     moved on by a busy vCPU without allocations
//	seen     for too short a time to say              moved on by time, back to none by any allocation
//	on       a collection is in flight                moved on by the end of a collection, or when it takes far too long
//	mistaken it was something else: not looked for    moved back to none by the end of a collection
type flight struct {
	cycles uint64 // collections completed
	allocs int64  // Sample.Allocs when the last one was

	since    time.Duration // since when a vCPU is busy so; 0 = it is not
	on       bool
	mistaken bool
}

const (
	// flightShare of one vCPU at least is used: whatever else is idle the collector takes.
	flightShare = 0.85

	// flightLeast is how long it must look so.
	flightLeast = 50 * time.Millisecond

	// flightMost is how many times the processor time of the one before it may take.
	flightMost = 4

	// flightDue is the part of what may be allocated between two collections, in percent, before which none begins: the
	// pacer's trigger is never below 70.
	flightDue = 60
)

// step takes in what happened in dt up to now: share of a vCPU was used, and s and last were sampled at its ends. mark is what a
// collection takes of processor time.
func (f *flight) step(now, dt, mark time.Duration, share float64, s, last Sample) {
	if s.Cycles != f.cycles {
		*f = flight{cycles: s.Cycles, allocs: s.Allocs}
		return
	}
	due := s.GOGC >= 0 && s.Allocs-f.allocs >= (Goal(s)-s.Live)/100*flightDue
	if f.mistaken || !due || share < flightShare || s.Allocs-last.Allocs >= stirLeast {
		f.since, f.on = 0, false
		return
	}
	if f.since == 0 {
		f.since = now - dt
	}
	took := now - f.since
	f.mistaken = took > flightMost*mark
	f.on = took >= flightLeast && !f.mistaken
}
