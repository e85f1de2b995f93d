package alloc

// starvation decides whether the collector is paused while memory comes late ([hvcall.LimitLate]).
//
// A thread that runs into the grant waits at the gate, in its page fault. A collection cannot end before it has
// stopped that thread, and all other goroutines wait for the collection. Without one they run on.
//
//	fed      memory is granted, or on its way in the usual time   moved on by a late grant
//	late     collecting may still gain room, so it goes on        moved on by a cycle that finds too much alive
//	starved  the live heap of the next cycle will not fit: no     moved back to fed by any other grant
//	         collection begins
//
// A heap that holds its size near the limit is never starved: for that one collecting does gain room.
type starvation struct {
	cycles uint64
	live   int64 // found by the newest cycle
	grew   int64 // since the one before
	on     bool
}

// starvedShare of the limit is taken off it before the next cycle's heap is held against it: the runtime goes
// over its limit by about as much while it collects.
const starvedShare = 8

// step takes in a sample, the limit told to the runtime, and whether memory comes late.
func (v *starvation) step(s Sample, limit int64, late bool) (starved bool) {
	if s.Cycles > v.cycles {
		v.cycles, v.grew, v.live = s.Cycles, s.Live-v.live, s.Live
	}
	next := s.Live + max(v.grew, 0) + s.rest()
	v.on = late && s.GOGC >= 0 && (v.on || next >= limit-limit/starvedShare)
	return v.on
}
