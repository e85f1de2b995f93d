package alloc

import "time"

// cycleWatch measures how far apart collections are. What a heap needs shows once in each cycle, at its
// end; a forecast that has been lower for a part of one has not been lower yet.
type cycleWatch struct {
	cycles uint64
	at     time.Duration // of the newest cycle's end
	apart  time.Duration // from the one before
}

// settleMost bounds how long a rare cycle can keep memory from going back.
const settleMost = 5 * time.Second

// step takes in a sample and reports whether a cycle has ended since the one before.
func (w *cycleWatch) step(now time.Duration, s Sample) (ended bool) {
	if s.Cycles <= w.cycles {
		return false
	}
	w.apart = now - w.at
	w.cycles, w.at = s.Cycles, now
	return true
}

// settle is how long a forecast must have been lower: least, or as long as the newest cycle took.
func (w *cycleWatch) settle(least time.Duration) time.Duration {
	return max(least, min(w.apart, settleMost))
}
