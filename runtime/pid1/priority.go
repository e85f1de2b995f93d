package pid1

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// highest is the priority of this process's threads. Where it shares the only vCPU with a busy application, a
// grant would otherwise wait for the kernel's next tick, which is ten milliseconds away: this process has just run,
// and so it is not its turn.
const highest = -20

// goFirst raises the priority of all threads there are; those to come have it from who makes them. The launcher's
// thread lowers its own again.
func goFirst() error {
	return eachThread(func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, highest) })
}

// stayHome keeps all threads on the first vCPU, the one that is always granted: on another they would stand still
// as soon as the host takes its time away.
func stayHome() error {
	var first unix.CPUSet
	first.Set(0)
	return eachThread(func(tid int) error { return unix.SchedSetaffinity(tid, &first) })
}

// eachThread calls f once with the id of each thread of this process, until there is none that it has not been called with: what a
// thread makes before its turn has nothing of it. One that ends meanwhile is no error.
func eachThread(f func(tid int) error) error {
	done := map[int]bool{}
	for more := true; more; {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		more = false
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil {
				return fmt.Errorf("list threads: %w", err)
			}
			if done[tid] {
				continue
			}
			done[tid], more = true, true
			if err := f(tid); err != nil && err != unix.ESRCH {
				return fmt.Errorf("set how thread %d is scheduled: %w", tid, err)
			}
		}
	}
	return nil
}
