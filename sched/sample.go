package sched

import (
	"time"
)

// Sample is what a program's scheduler said of it at one moment. What grows counts from any fixed moment on.
type Sample struct {
	Running  int `json:"running"`  // goroutines that run, the sampler's own included
	Runnable int `json:"runnable"` // goroutines that could run but wait for a processor
	Procs    int `json:"procs"`    // GOMAXPROCS

	CPU    time.Duration `json:"cpu"`    // processor time used; grows
	Waited time.Duration `json:"waited"` // how long goroutines, all together, waited for a processor; grows
	Starts uint64        `json:"starts"` // times that one got a processor; grows

	Expected int `json:"expected,omitempty"` // that there is work for, which the scheduler need not show; see Agent.Expect

	// Steal is how much of the time that the vCPUs wanted to run others ran in their place, thousandths of one
	// vCPU's time, as the host measured it lately.
	Steal uint32 `json:"steal"`
}

// withExpected is the sample in which those that were expected wait, where they do not show. The sampler itself is one of those that
// run.
func (s Sample) withExpected() Sample {
	s.Runnable = max(s.Runnable, s.Expected+1-s.Running)
	return s
}

// waits is how many goroutines there is no vCPU for, of so many: those that wait for a processor of the Go scheduler, and those that
// run on one which it has beyond the vCPUs.
func (s Sample) waits(vcpus int) int { return s.Runnable + max(0, s.Running-1-vcpus) }

// could is how many goroutines, but for the sampler's, could run at once.
func (s Sample) could() int { return max(0, s.Running-1) + s.Runnable }

// Moment is one line of a trace: a Sample and when it was taken, in nanoseconds since the Agent was made.
type Moment struct {
	At time.Duration `json:"at"`
	Sample
}
