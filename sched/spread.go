package sched

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// widen raises GOMAXPROCS to procs when so many vCPUs became more. Threads that wait for one PID 1 moves to it; for those that GOMAXPROCS
// did not allow there is nobody to move yet. A thread that wakes stays where it last ran if no two processors share a cache, and those of
// a guest do not: the kernel would put it on another one at its next tick. So this thread makes room before there is a second one.
func widen(from, to, procs int) {
	from = max(from, runtime.GOMAXPROCS(0))
	if from >= to {
		runtime.GOMAXPROCS(procs)
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := affinity()
	if err == nil {
		hop(from, before)
	}
	runtime.GOMAXPROCS(procs)
	if err == nil {
		for cpu := from + 1; cpu < to; cpu++ {
			go func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				hop(cpu, before)
			}()
		}
	}
}

func affinity() (set unix.CPUSet, err error) {
	err = unix.SchedGetaffinity(0, &set)
	return set, err
}

// hop moves the thread that it runs on to a vCPU and leaves it free to go wherever it was allowed to be. What it
// cannot do the kernel does later.
func hop(cpu int, allowed unix.CPUSet) {
	if !allowed.IsSet(cpu) {
		return
	}
	var there unix.CPUSet
	there.Set(cpu)
	if unix.SchedSetaffinity(0, &there) == nil {
		_ = unix.SchedSetaffinity(0, &allowed)
	}
}
