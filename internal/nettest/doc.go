// Package nettest makes a small network of network namespaces for tests: two hosts, each with a bridge, a wire between the
// bridges, and a client that is plugged into the first.
//
//	client ── br0 of A ══ wire ══ br0 of B
//
// Nothing of it touches the machine's own interfaces, and nothing has a name outside: the namespaces are held by descriptors and
// go with them, however the test ends, and with a namespace all that is in it.
//
// # States
//
// A network is made by [New] and gone after the test's cleanup. In between the wire is up, or cut ([Net.Cut]).
//
// A namespace belongs to a thread. [Host.Do] runs a function on a thread that is in the host's namespace and locked to it; what
// that function starts as a process stays there, what it starts as a goroutine does not. [Host.Start] starts a command there.
//
// Making namespaces takes root: without, the test fails where CI=true and is skipped elsewhere, in both cases with the fix.
// There are no locks; everything but Cut may be called from any goroutine.
//
//	n := nettest.New(t)
//	n.A.Do(func() { vm, err = vmm.Start(ctx, cfg) }) // its tap is on A's bridge
//	conn, err := n.Client.Dial(ctx, "tcp", "10.77.0.5:8080")
package nettest
