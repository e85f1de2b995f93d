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

// mover is what a machine can do that moves; vmm.VM is one.
type mover interface {
	Send(context.Context, vmm.Sending) (vmm.Sent, error)
	AwaitSent(context.Context) (vmm.Sent, error)
	AllowDowntime(context.Context, time.Duration) error
	Continue(context.Context) error
	Doing(context.Context) (vmm.Doing, error)
	Receive(ctx context.Context, host string, id vmm.Identity, still bool) (vmm.Sending, error)
	StandsStill(context.Context) (bool, error)
	CameIn(context.Context) error
	Requested(context.Context) (int64, error)
}

// errUnmovable is of machines that are no QEMU's.
var errUnmovable = errors.New("this machine cannot be moved")

// mover returns the guest's machine as one that moves.
func (g *Guest) mover() (mover, error) {
	if m, ok := g.vm.(mover); ok {
		return m, nil
	}
	return nil, errUnmovable
}

// Hungry reports whether the guest wants more memory than it has. It moves to get some, so every moment counts.
func (g *Guest) Hungry() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.view.Memory.Want > g.view.Memory.Upper
}

// Prepare tells the guest that it moves, and returns when it has done its part: hooks have run and it has collected. It may take
// as long as is said, a hungry one less.
func (g *Guest) Prepare(ctx context.Context, within time.Duration) {
	if g.Hungry() {
		within = min(within, hungryWithin)
	}
	err := g.conn.TellMigrate(ctx, hvcall.Migrate{Phase: hvcall.PhasePrepare, WithinMS: within.Milliseconds()})
	if err != nil {
		g.node.cfg.Log.Info("guest not prepared for its move", "guest", g.id, "err", err)
	}
}

// Settle returns when the device of a guest that was prepared holds no more than the guest wants, or ctx ends: a guest that does not
// give back what it can is moved with what it has. Nothing is waited for of a hungry one.
func (g *Guest) Settle(ctx context.Context) {
	var revision uint64
	stood := time.Now() // since when its demand is what it is
	for tick := time.NewTicker(settlePoll); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-g.done:
			tick.Stop()
			return
		case now := <-tick.C:
			g.mu.Lock()
			v := g.view
			g.mu.Unlock()
			if v.Demand.Revision != revision {
				revision, stood = v.Demand.Revision, now
			}
			hungry := v.Memory.Want > v.Memory.Upper
			if (hungry || now.Sub(stood) >= settleFor) && v.Memory.Op == 0 && v.Memory.Upper <= max(v.Memory.Want, v.Bounds.Boot) {
				tick.Stop()
				return
			}
		}
	}
}

const (
	settlePoll = 10 * time.Millisecond
	// hungryWithin is how long a guest is waited for that wants more than it has: it frees nothing worth more, and what would
	// collect may wait for the memory itself.
	hungryWithin = 250 * time.Millisecond
	// settleFor is how long a demand must have stood to count as the guest's last word: it states one for what it collects and, a tick of
	// its first process later or two, one for what it gave back.
	settleFor = 300 * time.Millisecond
)

// Freeze lets the guest's size change no more, and returns it, in bytes, once no change is under way.
func (g *Guest) Freeze(ctx context.Context) (int64, error) {
	g.node.tell(broker.Freeze{Guest: g.id})
	for tick := time.NewTicker(settlePoll); ; {
		g.mu.Lock()
		m := g.view.Memory
		g.mu.Unlock()
		if m.Op == 0 && m.Moving != broker.MovingNot {
			tick.Stop()
			return m.Upper, nil
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return 0, fmt.Errorf("freeze size of %s: %w", g.id, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Thaw lets it change again, and tells the guest that it stays.
func (g *Guest) Thaw() {
	g.node.post(broker.Thaw{Guest: g.id})
	g.tellLater(hvcall.Migrate{Phase: hvcall.PhaseCancelled})
}

// hearWithin is how long a guest has to hear of its move.
const hearWithin = 30 * time.Second

// tellLater tells the guest how far its move is, when it can hear it.
func (g *Guest) tellLater(m hvcall.Migrate) {
	go func() {
		ctx, cancel := context.WithTimeout(g.node.ctx, hearWithin)
		defer cancel()
		select {
		case <-g.said.c:
		case <-g.done:
			return
		case <-ctx.Done():
			return
		}
		if m.Phase == hvcall.PhaseArrived {
			m.UnixNanos, m.Seed = time.Now().UnixNano(), newSeed()
		}
		if err := g.conn.TellMigrate(ctx, m); err != nil {
			g.node.cfg.Log.Info("guest not told of its move", "guest", g.id, "phase", m.Phase, "err", err)
		}
	}()
}

// Burst has a token when the guest, frozen, needs memory at once that this host has.
func (g *Guest) Burst() <-chan struct{} { return g.bursts }

// Holding is the most the guest may hold, in bytes and thousandths of a vCPU, and the serial of its newest grant.
func (g *Guest) Holding() (memory, milli int64, serial uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.view.Memory.Upper, g.view.CPU.Upper(), g.view.Grant.Serial
}

// Doing is what the guest's machine does; see vmm.VM.
func (g *Guest) Doing(ctx context.Context) (vmm.Doing, error) {
	m, err := g.mover()
	if err != nil {
		return "", err
	}
	return m.Doing(ctx)
}

// Send copies the guest to where it is expected; see vmm.VM.
func (g *Guest) Send(ctx context.Context, s vmm.Sending) (vmm.Sent, error) {
	m, err := g.mover()
	if err != nil {
		return vmm.Sent{}, err
	}
	return m.Send(ctx, s)
}

// StandsStill reports whether the guest stands still while it is copied: then its memory is sent by itself.
func (g *Guest) StandsStill(ctx context.Context) (bool, error) {
	m, err := g.mover()
	if err != nil {
		return false, err
	}
	return m.StandsStill(ctx)
}

// AwaitSent is the end of a Send that another node began; see vmm.VM.
func (g *Guest) AwaitSent(ctx context.Context) (vmm.Sent, error) {
	m, err := g.mover()
	if err != nil {
		return vmm.Sent{}, err
	}
	return m.AwaitSent(ctx)
}

// AllowDowntime lets the guest stand still for longer at the end of a Send that is under way.
func (g *Guest) AllowDowntime(ctx context.Context, d time.Duration) error {
	m, err := g.mover()
	if err != nil {
		return err
	}
	return m.AllowDowntime(ctx, d)
}

// RunHere has a guest run on that stands still behind its copy.
func (g *Guest) RunHere(ctx context.Context) error {
	m, err := g.mover()
	if err != nil {
		return err
	}
	return m.Continue(ctx)
}

// HandOver ends what is left here of a guest that runs elsewhere.
func (g *Guest) HandOver(to string) { g.stop("moved to " + to) }

// End ends the guest at once, as Kill does, and says why.
func (g *Guest) End(why string) { g.stop(why) }

// Drop ends a guest that is not served: one that did not come, or that was adopted and never resumed.
func (g *Guest) Drop(why string) error {
	err := errors.Join(g.vm.Close(), g.cpus.close())
	g.exit = hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeHost, Text: why}
	g.node.forget(g)
	close(g.done)
	g.node.ended.Done()
	return err
}

// Accel is how the guest's processors are run, which must be the same where it goes on; "" = it is not known.
func (g *Guest) Accel() string {
	if m, ok := g.vm.(interface{ Accel() string }); ok {
		return m.Accel()
	}
	return ""
}
