package sched

import "time"

// changesMost is how often in a second GOMAXPROCS changes, each time with a stop of the world. When it may fall is not ours to say, so the
// last one is kept for that.
const changesMost = 10

// changes are the times of the newest changes of GOMAXPROCS, the oldest first.
type changes []time.Duration

// made takes in one.
func (c *changes) made(now time.Duration) {
	if len(*c) == changesMost-1 {
		*c = append((*c)[:0], (*c)[1:]...)
	}
	*c = append(*c, now)
}

// wait is how long it is until GOMAXPROCS may rise.
func (c changes) wait(now time.Duration) time.Duration {
	if len(c) < changesMost-1 {
		return 0
	}
	return max(0, c[0]+time.Second-now)
}
