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
