// Package elastictest holds the VM tests of what only a real guest shows: that its memory and vCPUs follow
// its program. It has no code but tests, because they need both sides: PID 1, alloc and sched in the
// guest, node and vmm on the host, which may not import one another.
package elastictest
