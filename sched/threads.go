package sched

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// makeThreads has the Go runtime keep at least n threads that run goroutines. It makes one where none is idle, out of
// its heap: at the gate that takes as long as the grant, and meanwhile no idle processor of its scheduler is woken for
// whoever may run, for one that is woken at a time is all it allows.
func makeThreads(n int) {
	var made, done sync.WaitGroup
	all := make(chan struct{})
	made.Add(n)
	for range n {
		done.Go(func() {
			runtime.LockOSThread() // until all are there, so that each has one of its own
			defer runtime.UnlockOSThread()
			touchSignalStack()
			made.Done()
			<-all
		})
	}
	made.Wait()
	close(all)
	done.Wait()
}

// touchSignalStack has this thread take a signal, which needs no memory from then on. The runtime sends this one itself, to threads
// that are to let others run, and takes whichever comes from elsewhere for one of those.
func touchSignalStack() { _ = unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGURG) }
