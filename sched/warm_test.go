package sched

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// TestWarmReachesAll, also those that programs run on, and comes to an end where there are fewer than it is told.
func TestWarmReachesAll(t *testing.T) {
	const procs = 6
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	var stop atomic.Bool
	defer stop.Store(true)
	for range 2 {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	for _, c := range []struct {
		n      int
		within time.Duration // as long as a busy host takes; what is not there is waited for to the end
	}{{1, time.Minute}, {procs, time.Minute}, {procs + 3, 2 * time.Second}} {
		began := time.Now()
		if got := warm(c.n, c.within); got < min(c.n, procs) {
			t.Errorf("told of %d processors, %d of %d reached in %v", c.n, got, procs, time.Since(began))
		}
	}
}
