package main

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// stun stops all threads of the guest's first process, as a debugger would, for as long as the calling goroutine lives: the guest
// answers its host no more.
func stun() error {
	runtime.LockOSThread() // whoever traces must not end
	seen := map[int]bool{}
	for more := true; more; {
		more = false
		tasks, err := os.ReadDir("/proc/1/task")
		if err != nil {
			return err
		}
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil || seen[tid] {
				continue
			}
			seen[tid], more = true, true
			if err := unix.PtraceSeize(tid); err != nil {
				return err
			}
			if err := unix.PtraceInterrupt(tid); err != nil {
				return err
			}
		}
	}
	return nil
}
