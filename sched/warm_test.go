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
	for _, n := range []int{1, procs, procs + 3} {
		began := time.Now()
		if got := warm(n); got < min(n, procs) {
			t.Errorf("told of %d processors, %d of %d reached in %v", n, got, procs, time.Since(began))
		}
	}
}
