package runtime

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/silo-os/silo/alloc"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/sched"
)

// Guest is the virtual machine as its application sees it. All methods may be called from any
// goroutine. Those that need PID 1's answer wait for it, a few milliseconds at the start of the process.
type Guest struct {
	answer func() (*session, error) // waits for it; nil = nothing is governed
	hosted bool
}

// Hosted reports that the program does not run in a silo guest, with a scripted host or without.
func (g *Guest) Hosted() bool { return g.hosted }

// session is nil where nothing is governed, and without an answer of PID 1.
func (g *Guest) session() (*session, error) {
	if g.answer == nil {
		return nil, nil
	}
	return g.answer()
}

// Name is the guest's name; "" when hosted without a script.
func (g *Guest) Name() string {
	if s, _ := g.session(); s != nil {
		return s.welcome.Name
	}
	return ""
}

// Ready states that the application serves. Until then a fleet sends it no work. It does nothing
// when hosted without a script.
func (g *Guest) Ready() error {
	s, err := g.session()
	if s == nil {
		return err
	}
	return s.conn.SendReady()
}

// Granted is what the application holds now: bytes of memory and thousandths of a vCPU. Both are
// zero when hosted without a script.
func (g *Guest) Granted() (memory uint64, milliCPU uint32) {
	s, _ := g.session()
	if s == nil {
		return 0, 0
	}
	grant := s.granted()
	return grant.Memory, grant.MilliCPU
}

// Reserve waits until bytes more are granted, parking the goroutine: what is allocated after that
// waits for nobody. It returns an *alloc.RefusedError when the answer is final or ctx ends. Call Release on
// the result once the memory has been allocated. When hosted without a script it admits everything.
func (g *Guest) Reserve(ctx context.Context, bytes int64) (*alloc.Reservation, error) {
	return g.agent().Reserve(ctx, bytes)
}

// NewArena makes an arena outside the Go heap, whose pages are granted before they are used and go
// back to the host the moment they are freed.
func (g *Guest) NewArena(cfg alloc.ArenaConfig) (*alloc.Arena, error) {
	return alloc.NewArena(g.agent(), cfg)
}

// OnPressure has f called, one call at a time, with each new level of pressure: when it rises, caches
// should shrink. It never is when hosted without a script.
func (g *Guest) OnPressure(f func(alloc.Pressure)) { g.agent().OnPressure(f) }

// NewPool returns a pool of goroutines that is as wide as the number of vCPUs granted, and demands them for the
// work that waits in it. When hosted without a script it is as wide as GOMAXPROCS. Programs that use plain goroutines need none: the
// scheduler's own figures speak for those.
func (g *Guest) NewPool(ctx context.Context) *sched.Pool { return sched.NewPool(ctx, g.vcpus()) }

// OnGrant has f called, one call at a time, with the number of vCPUs that the program may use: once now, and after
// each change, when GOMAXPROCS is what it says. When hosted without a script nothing changes.
func (g *Guest) OnGrant(f func(vcpus int)) { g.vcpus().OnGrant(f) }

// vcpus is nil where nothing is governed.
func (g *Guest) vcpus() *sched.Agent {
	s, _ := g.session()
	if s == nil {
		return nil
	}
	return s.cpus
}

// agent is nil where nothing is governed, which admits everything.
func (g *Guest) agent() *alloc.Agent {
	s, _ := g.session()
	if s == nil {
		return nil
	}
	return s.memory
}

var start = sync.OnceValues(func() (*Guest, error) {
	rw, err := hvcall.Inherited()
	if err != nil {
		return nil, fmt.Errorf("connect to PID 1: %w", err)
	}
	if rw == nil {
		return hosted()
	}
	return connect(rw, "PID 1", true), nil
})

// connect introduces the program to its peer while the program itself goes on.
func connect(rw io.ReadWriteCloser, peer string, real bool) *Guest {
	answer := sync.OnceValues(func() (*session, error) {
		s, err := newSession(context.Background(), rw, real)
		if err != nil {
			err = fmt.Errorf("connect to %s: %w", peer, err)
			// A program does not fail for want of elasticity: PID 1 governs it from outside then.
			fmt.Fprintln(os.Stderr, "silo:", err)
		}
		return s, err
	})
	go answer()
	return &Guest{answer: answer}
}

// Start connects to PID 1, or to the scripted host that [EnvScript] names, and starts governing memory and vCPUs, once in
// a process; later calls return the same Guest. It does not wait for the answer. Main calls it, and so does package
// auto. A script that cannot be read is an error that names the line.
func Start() (*Guest, error) { return start() }
