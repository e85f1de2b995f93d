// Package memlimit holds machines to what the ledger says they may hold of the host's memory: each has a memory
// cgroup of its own, whose maximum is the most that its guest may hold and what QEMU needs for itself. A QEMU that
// is taken over by its guest, or leaks, is ended by the kernel; nobody else is.
//
// # Life of a group
//
//	made      by [Limits.Confine], for a machine whose guest does not run yet   moved on by Set, as the ledger changes
//	gone      by Remove, when the machine has ended; or by Sweep, at the start of a node that finds it without one
//
// Both versions of cgroups are served. Groups stand below the one that this process is in; of version 2 this
// process moves into a group of its own beside them, because a group with processes may not hand controllers down.
// Where cgroups cannot be written everything works and nothing is enforced; the log says so once.
//
// # Overhead
//
// What QEMU holds beside guest memory is measured by TestConfined in internal/daemontest, which prints it and fails when it
// is more than half of [Overhead]. Under emulation most of it is translated code, whose buffer QEMU bounds.
//
// # Locks
//
// None: a group belongs to whoever has its name. Two calls for one name must not run at once.
//
// # Example
//
//	limits := memlimit.Open(memlimit.Config{Log: log})
//	limits.Confine("kv", vm.PID(), 64<<20)
//	limits.Set("kv", 1<<30)
//	limits.Remove("kv")
package memlimit
