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

// Running is a guest that ran before this node did: another one started it and has ended.
type Running struct {
	Machine            vmm.Machine
	Plugged, Requested int64 // bytes its device holds, and was last asked for
	Started            time.Time
}

// skipMost is how much a guest may send before a frame is found in it: the conversation is joined in the middle.
const skipMost = 4 << 20

// Adopt takes over a guest that runs: what it holds is in the ledger from then on, and nobody else's. Nothing is heard of
// it, and so nothing granted to it, until Resume; all guests of a host are to be adopted before the first is resumed,
// or it could be granted what another holds that is not in the ledger yet. The node owns the machine. Errors: *SpecError, ErrClosed, and what goes wrong with the machine's processors; the machine is left as it was.
func (n *Node) Adopt(ctx context.Context, spec GuestSpec, r Running) (*Guest, error) {
	spec, err := spec.withDefaults()
	if err != nil {
		return nil, err
	}
	g := newGuest(n, spec)
	g.vm, g.started, g.adopted = r.Machine, r.Started, true
	if err := n.register(g); err != nil {
		return nil, err
	}
	// Grants are numbered by the clock, so that none has the number of one that the guest was sent before.
	n.tell(broker.Adopted{
		Guest: g.id, Bounds: spec.bounds(), Plugged: r.Plugged, Requested: r.Requested, Serial: uint64(time.Now().UnixMicro()),
	})
	if err := g.holdProcessors(ctx); err != nil {
		n.forget(g)
		n.ended.Done()
		return nil, err
	}
	return g, nil
}

// Resume has an adopted guest served. It is called once.
func (g *Guest) Resume() {
	g.begin(hvcall.Limits{Stuck: stuckAfter, Frames: framesEach, Skip: skipMost})
}

// BoundsError says that the host cannot guarantee a guest what it was to be guaranteed. It has what it had.
type BoundsError struct {
	Guest broker.GuestID
	Why   string
}

// Error implements error.
func (e *BoundsError) Error() string { return fmt.Sprintf("set bounds of %s: %s", e.Guest, e.Why) }

// Bounds are what a guest is promised and allowed now.
func (g *Guest) Bounds() broker.Bounds {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.view.Bounds
}

// errEnded is returned for a guest that has ended in the meantime.
var errEnded = errors.New("the guest has ended")

// SetBounds gives a guest that runs other bounds; its maxima are at most what its machine was started with. It
// is for one caller at a time. Errors: *SpecError, *BoundsError and ctx's.
func (g *Guest) SetBounds(ctx context.Context, to broker.Bounds) error {
	if to.Max > g.spec.Memory.Max {
		return &SpecError{"Memory.Max", "the machine has no room for more than it was started with", "start it anew with the larger maximum"}
	}
	if to.MaxMilli > int64(g.spec.vcpus())*1000 {
		return &SpecError{"CPU.MaxMilli", "the machine has no more vCPUs than it was started with", "start it anew with the larger maximum"}
	}
	g.node.post(broker.BoundsChanged{Guest: g.id, Bounds: to})
	select {
	case err := <-g.bounds:
		return err
	case <-g.done:
		return fmt.Errorf("set bounds of %s: %w", g.id, errEnded)
	case <-ctx.Done():
		return fmt.Errorf("set bounds of %s: %w", g.id, ctx.Err())
	}
}

func (g *Guest) answerBounds(err error) {
	select {
	case g.bounds <- err:
	default: // nobody asked
	}
}
