package sched

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// widen raises GOMAXPROCS to a number of vCPUs and has the program's threads on the new ones at once. A thread that
// wakes stays where it last ran if no two processors share a cache, and those of a guest do not: the kernel would
// put it on another one at its next tick. So this thread makes room before there is a second one.
func widen(from, to int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := affinity()
	if err == nil {
		hop(from, before)
	}
	runtime.GOMAXPROCS(to)
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
