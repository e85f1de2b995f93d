package pid1

import "time"

// stallOver is how long no thread may wait before a stall counts as over: pages let through one by one end a wait
// for moments only.
const stallOver = 50 * time.Millisecond

// stalls counts how often and for how long threads waited at the gate. now is the time since any fixed moment, above 0.
type stalls struct {
	count uint64
	total time.Duration // of those that are over
	since time.Duration // begin of the present one; 0 = none
	last  time.Duration // when a thread was last seen waiting in it
}

// step takes in whether a thread waits. began and ended are each true once for one stall.
func (s *stalls) step(now time.Duration, waiting bool) (began, ended bool) {
	switch {
	case waiting && s.since == 0:
		s.count++
		s.since, s.last = now, now
		return true, false
	case waiting:
		s.last = now
	case s.since != 0 && now-s.last > stallOver:
		s.total += s.last - s.since
		s.since = 0
		return false, true
	}
	return false, false
}

// time is all of it, the present stall included.
func (s *stalls) time() time.Duration {
	if s.since == 0 {
		return s.total
	}
	return s.total + s.last - s.since
}
