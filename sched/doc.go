// Package sched ties the width of the Go scheduler to the virtual processors the host granted.
//
// # The life of a vCPU
//
//	parked    present since boot, offline, costs nothing. PID 1 moves it on with its first grant.
//	online    started once (tens of milliseconds) and never taken offline again.
//	granted   in the application's cpuset, counted in GOMAXPROCS. PID 1 widens the cpuset when the
//	          host's grant arrives, then this package raises GOMAXPROCS.
//	revoked   online but outside the cpuset: it sleeps in HLT. This package lowers GOMAXPROCS first,
//	          PID 1 narrows the cpuset after that, and only then is the host told. The other way
//	          round a vCPU would be taken away while a goroutine on it holds a lock.
//
// # One processor more
//
// In a guest GOMAXPROCS is one more than there are vCPUs, as far as there could ever be so many. A Go program has no more threads that
// run than that, so with as many as there are vCPUs nobody but the program could see that it has work for another one, and a busy
// program sees it after 10 ms and more. The thread of the one more waits for a vCPU where the kernel sees it: the kernel rings
// (cpu.crowded), PID 1 asks the host ahead of the program's word, and has the waiting thread run on the vCPU when it comes. What the program
// says is what stands in the end. Once the host has not met a demand for 250 ms the one more is given up until it does: the turns that
// its thread takes are in the way of who holds a lock. A guest that has all its vCPUs has no processor more, and gives the last of
// them back without a word to the program: GOMAXPROCS is right for what remains.
//
// # Demand
//
// [Governor] turns what the scheduler says of itself into vCPUs wanted. Each change of GOMAXPROCS stops the world, so
// there are at most ten in a second, and none under a load that does not change.
//
// Up, by one of two signs:
//
//   - a burst: goroutines have waited without a break for a millisecond, and all together for eight. As many
//     vCPUs are asked for as there are goroutines that run or could.
//   - a crowd: work comes in bouts too short for that, but the processor time used is near all there is, and by
//     /sched/latencies goroutines wait all the same. One more is asked for.
//   - what is expected ([Agent.Expect]): work that the scheduler's figures do not show, such as a pool's queue, or the collector, whose
//     workers are no goroutines that wait.
//
// Not up while the host says that the vCPUs there are already wait for a processor (steal, from a quarter on): more of them
// would only fight for it.
//
// Down, when for two seconds the load would have left the remaining vCPUs less than half busy. Between that and 85 %
// there is doubt: it takes eight seconds, and twice as long after each time that it was wrong.
//
// How often the scheduler is looked at follows the program: each half millisecond while goroutines wait for a vCPU that
// could be had, each ten while it is at work, each fifty when it sleeps, and ever more seldom, down to each two hundred, when it
// has slept for long: each time that a guest wakes costs its host something. A program at work is never looked at more often
// than its own goroutines start. In a guest the kernel says when the program has used five milliseconds of processor time (alarm.Work), so that
// one at rest is looked at each four hundred milliseconds after two seconds: a burst is noticed sooner than by looks each fifty, and a guest of two
// vCPUs costs its host half in the seconds after one. Config.After is where another agent has its own look made, which would
// else wake the guest for that alone.
//
// # What is quick, and what cannot be
//
// A goroutine that never lets others run is stopped by the Go runtime after ten milliseconds, and on a single vCPU the
// look at the scheduler waits for that like all else: a burst of such goroutines is noticed 10 to 20 ms late. What came
// over a descriptor is seen by a busy program only each ten milliseconds too; Config.Each is where the application's
// connection is asked instead. When a program becomes wider by more than the one that PID 1 moves a thread to, the thread that raises
// GOMAXPROCS moves to a new vCPU first: a kernel whose processors share no cache would leave a thread that wakes where it was until its next
// tick.
//
// # While memory is late
//
// A thread that waits at the gate holds its processor of the Go scheduler. [Agent.Spare] gives the program a few more, so that
// goroutines which need no memory go on. What the runtime allocates to run one there has to exist by then: threads are
// made when the program begins, and the spare processors are each used once when they come. The agent itself allocates nothing in
// its looks.
//
// # Parts
//
// Governor is the policy, driven in virtual time by its tests, and by samples recorded from real programs
// (testdata/traces; go test -run TestTraces -record records them anew). [Agent] takes the samples and applies grants with
// runtime.GOMAXPROCS. A GOMAXPROCS that the user set in the environment is respected: the demand never rises above it and
// the agent never changes it. [Pool] runs work in parallel on as many vCPUs as there are, and demands them for what waits
// in it; programs that use plain goroutines need none.
//
// PID 1 drives a Governor for programs that do not speak, from the processor time and the pressure of their cgroup.
//
// # Lock order
//
// hearers.mu, then Pool.mu, then Agent.mu. Agent.mu guards the Governor; it is not held while GOMAXPROCS changes or a
// statement is sent.
//
// # Example
//
//	a := sched.New(sched.Config{Max: 2}, nil, func(s sched.Statement) { … })
//	go a.Run(ctx)
//	a.Grant(1000) // thousandths of a vCPU, as each Grant says
package sched
