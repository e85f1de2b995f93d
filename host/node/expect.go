package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// NoRoomError says that this host cannot take a guest in now.
type NoRoomError struct {
	Guest broker.GuestID
	Why   string
}

// Error implements error.
func (e *NoRoomError) Error() string { return fmt.Sprintf("no room for guest %s: %s", e.Guest, e.Why) }

// Expect reserves room for a guest of another host, which may hold memory bytes and milli thousandths of a vCPU when it
// comes, and makes a machine that waits for it (Receive). It ends with Arrive or Drop. Errors: *SpecError, *NoRoomError,
// ErrClosed, those of vmm.Start, and ctx's; nothing is left then.
func (n *Node) Expect(ctx context.Context, spec GuestSpec, memory int64) (*Guest, error) {
	spec, err := spec.withDefaults()
	if err != nil {
		return nil, err
	}
	spec.Template = false
	g := newGuest(n, spec)
	g.adopted = true
	if err := n.register(g); err != nil {
		return nil, err
	}
	if err := g.wait(ctx, memory); err != nil {
		n.forget(g)
		n.ended.Done()
		return nil, err
	}
	return g, nil
}

// wait makes the machine that waits for the guest.
func (g *Guest) wait(ctx context.Context, memory int64) error {
	g.node.tell(broker.Reserve{Guest: g.id, Bounds: g.spec.bounds(), Memory: memory})
	select {
	case err := <-g.admission:
		var refused *RefusedError
		if errors.As(err, &refused) {
			return &NoRoomError{Guest: g.id, Why: refused.Why}
		}
		if err != nil {
			return err
		}
	default:
		return ErrClosed // it is answered at once, or by nobody
	}
	cfg := g.spec.machine(g.node.cfg.Log)
	if g.spec.Machine != nil {
		g.spec.Machine(&cfg)
	}
	cfg.Incoming = true
	vm, err := g.node.cfg.Launch(ctx, cfg)
	if err != nil {
		return err
	}
	g.vm = vm
	g.limits.follow(g.upper)
	if err := g.holdProcessors(ctx); err != nil {
		return errors.Join(err, vm.Close(), g.cpus.close())
	}
	return nil
}

// Receive has the guest's machine wait at an address of this host, and returns how it is sent there. still = it stands still while it is
// copied.
func (g *Guest) Receive(ctx context.Context, host string, still bool) (vmm.Sending, error) {
	m, err := g.mover()
	if err != nil {
		return vmm.Sending{}, err
	}
	server, client, err := vmm.NewIdentities()
	if err != nil {
		return vmm.Sending{}, err
	}
	s, err := m.Receive(ctx, host, server, still)
	s.TLS = client
	return s, err
}

// CameIn waits until all of the guest is there, standing still.
func (g *Guest) CameIn(ctx context.Context) error {
	m, err := g.mover()
	if err != nil {
		return err
	}
	return m.CameIn(ctx)
}

// grantsOnTheWay is above what a guest can be granted while it moves.
const grantsOnTheWay = 1 << 20

// MachineDone is closed when the guest's machine has ended.
func (g *Guest) MachineDone() <-chan struct{} { return g.vm.Done() }

// ErrNotStarted is what RunArrived returns when the machine had ended before the guest could be set running: it never ran here.
var ErrNotStarted = errors.New("the machine ended before its guest was set running")

// RunArrived has the guest run here. Serve is to follow at once; until then nobody hears it.
func (g *Guest) RunArrived(ctx context.Context) error {
	m, err := g.mover()
	if err != nil {
		return err
	}
	if _, err := m.Doing(ctx); errors.Is(err, vmm.ErrNotRunning) {
		return fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	g.started = time.Now()
	return m.Continue(ctx)
}

// Serve has a guest that arrived served, with what it holds in the ledger in place of what was reserved. milli is the most it was
// granted where it came from, and serial is that of a grant it was sent there. It is called once. A machine that does not say
// what it holds keeps all that was reserved.
func (g *Guest) Serve(ctx context.Context, milli int64, serial uint64) {
	plugged, requested := g.holds(ctx)
	// Grants are numbered by the clock, as for an adopted guest; but clocks of hosts differ, and the other host may have
	// granted more since.
	serial = max(serial+grantsOnTheWay, uint64(time.Now().UnixMicro()))
	g.node.tell(broker.Arrived{Guest: g.id, Plugged: plugged, Requested: requested, MilliCPU: milli, Serial: serial})
	g.begin(hvcall.Limits{Stuck: stuckAfter, Frames: framesEach, Skip: skipMost})
	g.tellLater(hvcall.Migrate{Phase: hvcall.PhaseArrived})
}

// holds is what the guest's device holds, and was asked for; bytes.
func (g *Guest) holds(ctx context.Context) (plugged, requested int64) {
	m, err := g.mover()
	if err == nil {
		requested, err = m.Requested(ctx)
	}
	if err == nil {
		plugged, err = g.vm.Plugged(ctx)
	}
	if err != nil {
		g.node.cfg.Log.Warn("it is not known what the guest that arrived holds", "guest", g.id, "err", err)
		all, _, _ := g.Holding()
		return all, all
	}
	return plugged, requested
}
