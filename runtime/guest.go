package runtime

import (
	"fmt"
	"sync"

	"github.com/silo-os/silo/hvcall"
)

// Guest is the virtual machine as its application sees it. All methods may be called from any
// goroutine.
type Guest struct {
	session *session // nil = hosted
}

// Hosted reports that the program does not run in a silo guest.
func (g *Guest) Hosted() bool { return g.session == nil }

// Name is the guest's name; "" when hosted.
func (g *Guest) Name() string {
	if g.session == nil {
		return ""
	}
	return g.session.welcome.Name
}

// Ready states that the application serves. Until then a fleet sends it no work. It does nothing
// when hosted.
func (g *Guest) Ready() error {
	if g.session == nil {
		return nil
	}
	return g.session.conn.SendReady()
}

// Granted is what the application holds now: bytes of memory and thousandths of a vCPU. Both are
// zero when hosted.
func (g *Guest) Granted() (memory uint64, milliCPU uint32) {
	if g.session == nil {
		return 0, 0
	}
	grant := g.session.granted()
	return grant.Memory, grant.MilliCPU
}

var start = sync.OnceValues(func() (*Guest, error) {
	rw, err := hvcall.Inherited()
	if err != nil {
		return nil, fmt.Errorf("connect to PID 1: %w", err)
	}
	if rw == nil {
		return &Guest{}, nil
	}
	s, err := newSession(rw)
	if err != nil {
		return nil, fmt.Errorf("connect to PID 1: %w", err)
	}
	return &Guest{session: s}, nil
})

// Start connects to PID 1 and starts governing memory and vCPUs, once in a process; later calls
// return the same Guest. Main calls it, and so does package auto.
func Start() (*Guest, error) { return start() }
