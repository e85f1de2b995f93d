// Package elastictest holds the VM tests of what only a real guest shows: that its memory and vCPUs follow
// its program. It has no code but tests, because they need both sides: PID 1, alloc and sched in the
// guest, node and vmm on the host, which may not import one another.
//
// A test whose name begins with TestAlone judges by processor time that its guest must get, or must get at once: it fails where
// others use the host's processors. `go run mage.go test` runs those while nothing else runs. All others wait for what comes,
// however late, and run beside one another.
package elastictest
