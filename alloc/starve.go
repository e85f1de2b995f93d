package alloc

// starvation decides whether the collector is paused while memory comes late ([hvcall.LimitLate]).
//
// A thread that runs into the grant waits at the gate, in its page fault. A collection cannot end before it has
// stopped that thread, and all other goroutines wait for the collection. Without one they run on.
//
//	fed      memory is granted, or on its way in the usual time   moved on by a late grant
//	late     collecting may still gain room, so it goes on        moved on by a forecast that it will not
//	starved  what the next cycle finds alive will not fit: no     moved back to fed by any other grant
//	         collection begins
//
// A heap that holds its size near the limit is never starved: for that one collecting does gain room. One that grows is
// known before it is full: of what it allocates until then as much stays alive as of what it allocated before its last cycle.
type starvation struct {
	cycles uint64
	live   int64 // found by the newest cycle
	allocs int64 // until then
	stays  float64
	on     bool
}

// starvedShare of the limit is taken off it before the next cycle's heap is held against it: the runtime goes
// over its limit by about as much while it collects.
const starvedShare = 8

// step takes in a sample, the limit told to the runtime, and whether memory comes late.
func (v *starvation) step(s Sample, limit int64, late bool) (starved bool) {
	if s.Cycles > v.cycles {
		v.stays = staying(s.Live-v.live, s.Allocs-v.allocs)
		v.cycles, v.live, v.allocs = s.Cycles, s.Live, s.Allocs
	}
	room := max(0, limit-s.rest()-s.Live)
	next := limit - room + int64(v.stays*float64(room))
	v.on = late && s.GOGC >= 0 && (v.on || next >= limit-limit/starvedShare)
	return v.on
}

// staying is the share of what was allocated that is alive after a cycle, if all that was alive before is.
func staying(grew, allocated int64) float64 {
	switch {
	case grew <= 0:
		return 0
	case grew >= allocated:
		return 1
	}
	return float64(grew) / float64(allocated)
}
