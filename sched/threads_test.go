package sched

import (
	"os"
	"testing"
)

// TestThreadsAreThere: after makeThreads so many goroutines may each hold a thread, and none has to be made.
func TestThreadsAreThere(t *testing.T) {
	const n = 20
	makeThreads(n)
	before := threadCount(t)
	if before < n {
		t.Fatalf("%d threads, want at least %d", before, n)
	}
	makeThreads(n)
	if after := threadCount(t); after > before+2 { // the runtime may have made one for itself
		t.Errorf("%d threads before, and %d once they were asked for again", before, after)
	}
}

func threadCount(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
