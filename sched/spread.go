package sched

import (
	"runtime"

	"github.com/silo-os/silo/internal/threads"
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
	hop(from)
	runtime.GOMAXPROCS(procs)
	for vcpu := from + 1; vcpu < to; vcpu++ {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			hop(vcpu)
		}()
	}
}

// hop moves the thread that it runs on to a vCPU. What it cannot do the kernel does later.
func hop(vcpu int) { _ = threads.Send(0, vcpu) }
