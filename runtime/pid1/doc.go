// Package pid1 is the first process of a silo guest: it mounts, introduces the guest to its host,
// starts the application, governs what it holds, and reports how it ended.
//
// It is a process of its own, outside the application's cgroups, with its memory locked, so that it
// can ask the host for memory while the application waits for it.
//
// # States of a guest
//
//	booted      kernel runs /init. setup moves it on: mounts, port, cgroups, vCPUs, all that the host need not
//	            answer for; then Hello. A host may stop the guest here, keep it, and welcome any number of copies.
//	welcomed    the host's configuration is here. setup moves it on: clock and randomness first, network, volumes, names.
//	running     the application was started. The supervisor moves it on when it ends.
//	reporting   output is drained, volumes are unmounted, Exit is sent and acknowledged. The supervisor moves it on.
//	off         the guest powers off; the host sees QEMU end.
//
// # States of the host
//
//	there   it answers. The port moves it to away, when nobody has its other end open (hvcall.ErrAway).
//	away    what is sent fails at once; output and Exit wait (untilTaken). reintroduce says Hello until somebody answers.
//	new     it answers, and knows nothing of this guest: its fault "order", to any call, moves it to there by way
//	        of reintroduce, which has everything stated again.
//
// # States of a stall
//
//	open      the application is below its limit.
//	waiting   a thread ran into the limit and waits in its page fault; the kernel told us by
//	          eventfd. The gate moves it there; [Balance] states an urgent demand.
//	raised    the grant came and the limit was raised; the thread goes on. Its wait is counted.
//	refused   the host has no more and the configured time is over: the application is ended with
//	          the cause hvcall.CauseRefused, never left hanging.
//
// # States of the application's width
//
//	even      the cpuset is as wide as what is granted and wanted. A grant or a demand moves it on.
//	starting  vCPUs are brought online, once in a guest's life, beside the control loop.
//	widened   the cpuset is wider, and threads that waited were moved; the application is told and raises its GOMAXPROCS.
//	asked     the application was told of fewer. Its acknowledgement moves it on, its own lower demand, its hanging
//	          up, or 100 ms.
//	narrowed  the cpuset is narrower, and the grant is told as applied. At once where GOMAXPROCS is right already: one that had all
//	          vCPUs there are.
//
// The kernel tells of threads that share a vCPU. See bell for what is asked of the host then: resting, armed, ahead.
//
// # States of an application's health
//
// See health: starting, serving, and what is told as a hang. watch looks, by a probe or by heartbeats; the control loop ends what
// hangs (control.hung), unless a thread of it waits for memory or it was asked to end anyway.
//
// # How often the guest is looked at
//
// See pace: lively or calm. A look costs three system calls of the kernel's cheapest (source, readMemory), and more only where an
// application does not speak, or holds more than it says ([Balance.Said]). Yet each takes the first vCPU from
// the application, which shows in its slowest answers. So the kernel is asked to say when one that does not speak has grown or
// shrunk (marks.go), and its threads are looked at only where it can be given another vCPU.
//
// # Parts
//
// [Balance] and classify are pure. The control loop (control.go) owns all state of governing in
// one goroutine; everything else posts to it. What it does about vCPUs is in governcpu.go, about the gate in gatekeep.go; what it
// hears is in hear.go, what it says in tell.go, and what is done about one that hangs in watchapp.go. Files named after one noun
// each: mounts, volumes, network, cgroup, gate, cpus, app, logs. announce.go tells a network that the guest shares with others
// where it is: when its addresses are there, and whenever it has arrived at another host.
//
// # Lock order
//
// There is none to keep: the control loop takes no locks, and the posting side only sends.
//
// # Example
//
//	func main() { pid1.Main() } // images/init, the whole of it
package pid1
