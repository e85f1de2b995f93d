package sched

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestChangesArePaced: whatever the host grants, and how often, the world is stopped for it ten times a second at most. What is granted
// holds in the end, and fewer vCPUs at once.
func TestChangesArePaced(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	synctest.Test(t, func(t *testing.T) {
		a := New(Config{Max: 2}, nil, func(Statement) {})
		a.Grant(1000)
		var at []time.Duration
		last := runtime.GOMAXPROCS(0)
		seen := func() {
			if n := runtime.GOMAXPROCS(0); n != last {
				last, at = n, append(at, time.Since(a.start))
			}
		}
		for i := range 600 {
			a.Grant(uint32(i%2+1) * 1000)
			seen()
			if i%2 == 0 && runtime.GOMAXPROCS(0) != 1 {
				t.Fatalf("granted one vCPU, GOMAXPROCS is %d", runtime.GOMAXPROCS(0))
			}
			time.Sleep(7 * time.Millisecond)
			a.catchUp(time.Since(a.start))
			seen()
		}
		for i := changesMost; i < len(at); i++ {
			if span := at[i] - at[i-changesMost]; span < time.Second {
				t.Fatalf("%d changes within %v", changesMost+1, span)
			}
		}
		if len(at) < 20 {
			t.Errorf("%d changes in four seconds: grants do not come through", len(at))
		}
		time.Sleep(time.Second)
		a.catchUp(time.Since(a.start))
		if n := runtime.GOMAXPROCS(0); n != 2 {
			t.Errorf("granted 2 in the end, GOMAXPROCS is %d", n)
		}
	})
}
