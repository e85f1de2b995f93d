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
// # Demand
//
// [Governor] turns what the scheduler says of itself (goroutines that run, goroutines that could)
// into vCPUs wanted: up after a few milliseconds of waiting goroutines, down after seconds of spare
// ones. Each change of GOMAXPROCS stops the world, so there are at most ten in a second.
//
// # Parts
//
// Governor is the policy, driven in virtual time by its tests. [Agent] samples runtime/metrics and
// applies grants with runtime.GOMAXPROCS. A GOMAXPROCS that the user set in the environment is
// respected: the demand never rises above it and the agent never changes it.
//
// # Lock order
//
// Agent.mu guards the Governor; it is not held while GOMAXPROCS changes or a statement is sent.
//
// # Example
//
//	a := sched.New(sched.Config{Max: 2}, nil, func(s sched.Statement) { … })
//	go a.Run(ctx)
//	a.Grant(1000) // thousandths of a vCPU, as each Grant says
package sched
