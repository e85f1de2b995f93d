package alloc

import "time"

// starvation decides when the collector is switched off because memory comes late.
//
// A thread that runs into the grant waits at the gate, in its page fault. A collection that is under way
// then waits for that thread, and all other goroutines wait for the collection. Without one, they run on. So
// a heap that has outgrown its grant before the new one came must meet the gate with no collection
// running.
//
//	fed       what is demanded is granted, or on its way in the usual time
//	braced    the grant is late: the collector is given a lower limit, so that its next cycle is over
//	          before the gate closes. The clock moves it there.
//	starved   that cycle found that the next one's live heap will not fit: collecting gains no
//	          room. No collection begins, and a few more goroutines than vCPUs may run, since some of
//	          them will wait. The cycle's end moves it there.
//
// A grant with room, or a refusal, moves it back to fed: after a refusal nothing is on its way, and a
// collector that works hard is all there is. A heap that holds its size near the limit is never starved:
// for that one collecting does gain room.
type starvation struct {
	cycles uint64
	live   int64 // found by the newest cycle
	grew   int64 // since the one before
	on     bool
}

const (
	// braceShare of the limit is kept for the cycle that a late grant may have begun: less, and a fast ramp
	// meets the gate while that cycle still marks; more costs a cycle that a punctual grant would have spared.
	braceShare = 8

	// heldShare of the limit: a heap below it is not starved though more is on its way. Ending a starvation stops
	// the world, which must not happen just before the next thread meets the gate.
	heldShare = 2

	// braceLeast is how late a grant must be at least: hosts that answer in microseconds may take
	// milliseconds the next time.
	braceLeast = 20 * time.Millisecond
)

// step takes in a sample and the limit as it would be without a late grant, and returns the limit
// as it should be.
func (v *starvation) step(s Sample, limit int64, late bool) int64 {
	if s.Cycles > v.cycles {
		v.cycles, v.grew, v.live = s.Cycles, s.Live-v.live, s.Live
	}
	braced := max(limit-limit/braceShare, mib)
	switch {
	case !late, s.GOGC < 0:
		v.on = false
		return limit
	case v.on:
		v.on = s.Held() >= braced/heldShare
	default:
		v.on = s.Live+max(v.grew, 0)+s.rest() >= braced && s.Held() >= braced/heldShare
	}
	return braced
}
