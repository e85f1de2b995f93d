package sched

import (
	"runtime"
	"slices"
	"testing"
)

// TestSpareIsNoVCPU: processors for goroutines that wait for memory are nothing that a program is told of, and what is granted
// meanwhile is told when they go.
func TestSpareIsNoVCPU(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	a := New(Config{Max: 2}, nil, func(Statement) {})
	a.Grant(2000)
	var told, late []int
	a.OnGrant(func(n int) { told = append(told, n) })
	a.Spare(true)
	if got := runtime.GOMAXPROCS(0); got != 2+spareProcs {
		t.Errorf("%d goroutines may run, want %d more than there are vCPUs", got, spareProcs)
	}
	a.OnGrant(func(n int) { late = append(late, n) })
	a.Grant(1000)
	a.Spare(false)
	if want := []int{2, 1}; !slices.Equal(told, want) || !slices.Equal(late, want) {
		t.Errorf("told %v, and who came while memory was late %v; want %v", told, late, want)
	}
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("in the end %d goroutines may run", got)
	}
}

// TestOneProcessorMore: a program in a guest has one processor of the Go scheduler more than vCPUs, none beyond those that there can be, and
// none while the host knows what it wants and does not give it. What it is told of are vCPUs.
func TestOneProcessorMore(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	calm := false
	a := New(Config{Max: 3, Guest: true, Calm: func() bool { return calm }}, nil, func(Statement) {})
	have := func(when string, want int) {
		t.Helper()
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("%s GOMAXPROCS is %d, want %d", when, got, want)
		}
	}
	a.Grant(1000)
	have("with one vCPU", 2)
	a.stated = 3
	a.await(unmetAfter - 1)
	have("with a demand that may yet be met", 2)
	a.await(unmetAfter)
	have("with memory on its way, for which the world would have to wait,", 2)
	calm = true
	a.await(unmetAfter)
	have("with a demand that is not met", 1)
	a.Grant(2000)
	a.await(unmetAfter)
	have("with a part of it", 2)
	a.stated = 2
	a.Grant(2000) // again
	a.await(unmetAfter)
	have("with all that it still wants", 3)
	a.stated = 3
	a.await(unmetAfter)
	have("with a part of it, again,", 2)
	a.Grant(3000)
	have("with all vCPUs", 3)
	a.Grant(2000)
	a.stated = 2
	a.await(unmetAfter)
	have("with all that it wants", 3)
	var told int
	a.OnGrant(func(n int) { told = n })
	if told != 2 {
		t.Errorf("told of %d vCPUs, want 2", told)
	}
}
