package alloc

const (
	mib = 1 << 20

	// minHeapGoal is the heap below which Go does not collect at GOGC=100; it scales with GOGC.
	minHeapGoal = 4 * mib

	// overshoot is by how much a heap may pass its goal while the collector still runs, in 1/64.
	// The pacer aims at the goal exactly and assists hard above it; its own hard limit is 10 %,
	// and 3/64 covers what our recorded ramps show. Too small costs a stall, too large costs
	// idle memory on the host.
	overshoot = 3

	// fragmentMost bounds the share of fragmentation carried forward to a larger heap: a small heap
	// is mostly half-empty spans, a large one is not.
	fragmentMost = 8 // 1/8 of the heap

	// tables is the share of new heap that the runtime needs to describe it.
	tables = 64
)

// Goal is the heap size, in bytes, at which the next collection aims to be over if no memory
// limit stands against it. With the collector off there is none, and it returns what is in use.
func Goal(s Sample) int64 {
	if s.GOGC < 0 {
		return s.Objects
	}
	goal := s.Live + s.marks()/100*s.GOGC
	return max(goal, minHeapGoal/100*s.GOGC, s.Objects)
}

// Forecast is the largest footprint, in bytes, that the process should reach before the next
// collection ends: heap at its goal, fragmentation, and all that is not heap. It is
// never less than what is in use already.
func Forecast(s Sample) int64 {
	goal := Goal(s)
	peak := goal + goal/64*overshoot
	fragment := min(s.Unused, peak/fragmentMost)
	// What is not heap grows with it: span descriptors and bitmaps above all.
	rest := s.rest() + max(0, peak-s.Objects-s.Unused)/tables
	return max(peak+fragment+rest, s.Held()-s.Free)
}
