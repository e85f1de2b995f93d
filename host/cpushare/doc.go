// Package cpushare gives each machine its share of the host's processors, by cgroups, and tells what its
// vCPUs really got.
//
// # Two groups to a machine
//
//	silo-PID-START          every thread of QEMU     weight; cap of the vCPUs and ioRoom
//	silo-PID-START/vcpus    its vCPU threads         weight; cap of the vCPUs
//
// The cap is a quota: the vCPUs run for no longer. It never falls short of what is granted, but is whole
// vCPUs wherever the guest may have whole ones: a quota that ends within a vCPU's turn stops whoever
// holds a lock on it. What is granted within the cap is kept by the weight, in proportion to
// the grants of all machines, so time that nobody was granted, or wants, is not thrown away. A guest
// that may never have more than a fraction of a vCPU is held to exactly that.
//
// QEMU's other threads move the guest's data. They stay outside the vCPUs' quota, or a busy guest
// would wait for its own devices, and have [ioRoom] for themselves, or a guest could have the host work for it
// without end.
//
// A machine that comes last ([Allowance.Last]) is in an idle group: it runs when nobody else wants to, up to exactly what it is
// granted and [lastRoom] for QEMU's own threads.
//
// # Life of a share
//
//	held      made by [Shares.Hold] for a machine that runs   moved on by Set, as often as grants change
//	closed    its groups are gone                             by Close, when the machine has ended
//	astray    its groups are there and its machine is not, because silo was killed; the next [Open] removes them
//
// A group is named after its machine's process and the moment that began, so whether it is still of use can be seen
// by anybody, and a restarted silo finds the groups of machines that run on.
//
// Where cgroups cannot be written, a share is advisory: everything works, nothing is enforced, and the log says so
// once. Both versions of cgroups are served, whichever has the cpu controller; of version 2 the groups are threaded,
// and stand below the group that the machine's process is in, whatever that limits.
//
// # Steal
//
// The kernel counts for each thread how long it ran and how long it was kept waiting for a processor. [Meter]
// makes from that what of the granted time was taken from the guest by others on the host, which the guest
// itself cannot see. Waiting for the guest's own quota does not count.
//
// # Locks
//
// Share.mu is held while files are written. Nothing else is locked, and Shares has no state that changes.
//
// # Example
//
//	shares := cpushare.Open(cpushare.Config{Log: log})
//	share := shares.Hold(vm.PID(), threads)
//	defer share.Close()
//	err := share.Set(cpushare.Allowance{Milli: 1000, Max: 2000})
package cpushare
