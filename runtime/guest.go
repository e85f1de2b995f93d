package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/silo-os/silo/alloc"
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

// Reserve waits until bytes more are granted, parking the goroutine: what is allocated after that
// waits for nobody. It returns an *alloc.RefusedError when the answer is final or ctx ends. Call Release on
// the result once the memory has been allocated. When hosted it admits everything.
func (g *Guest) Reserve(ctx context.Context, bytes int64) (*alloc.Reservation, error) {
	return g.agent().Reserve(ctx, bytes)
}

// NewArena makes an arena outside the Go heap, whose pages are granted before they are used and go
// back to the host the moment they are freed.
func (g *Guest) NewArena(cfg alloc.ArenaConfig) (*alloc.Arena, error) {
	return alloc.NewArena(g.agent(), cfg)
}

// OnPressure has f called, one call at a time, with each new level of pressure: when it rises, caches
// should shrink. It never is when hosted.
func (g *Guest) OnPressure(f func(alloc.Pressure)) { g.agent().OnPressure(f) }

// agent is nil when hosted, which admits everything.
func (g *Guest) agent() *alloc.Agent {
	if g.session == nil {
		return nil
	}
	return g.session.memory
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
