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

// settle is how long a forecast must have been lower: least, or as long as the newest cycle took.
func (w *cycleWatch) settle(now time.Duration, s Sample, least time.Duration) time.Duration {
	if s.Cycles > w.cycles {
		w.apart = now - w.at
		w.cycles, w.at = s.Cycles, now
	}
	return max(least, min(w.apart, settleMost))
}
