package hvcall

import "net"

// Pipe returns the two ends of a transport in memory, for tests and hosted mode. It has no
// buffer: a write waits until the peer reads, so both ends must be served.
func Pipe() (guest, host net.Conn) { return net.Pipe() }
