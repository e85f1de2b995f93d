package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// Attached is a machine that was found again, and what its device holds and was last asked for, bytes.
type Attached struct {
	vmm.Machine
	Plugged, Requested int64
}

// attach finds a machine again.
func attach(ctx context.Context, cfg vmm.Config) (a Attached, err error) {
	vm, err := vmm.Attach(ctx, cfg)
	if err != nil {
		return a, err
	}
	a.Machine = vm
	if a.Requested, err = vm.Requested(ctx); err == nil {
		a.Plugged, err = vm.Plugged(ctx)
	}
	return a, err
}

// attachAtOnce is how many machines are looked for at a time, and attachWithin how long each is waited for.
const (
	attachAtOnce = 16
	attachWithin = 20 * time.Second
)

// found is what became of a guest's machine.
type found struct {
	Attached
	err error // nil = it runs
}

// takeUp goes on with what the store knows: first the guests that run, whose memory is taken; then those to be started.
func (d *Daemon) takeUp(ctx context.Context) error {
	records, err := d.store.all()
	if err != nil {
		return err
	}
	if d.host, err = d.store.host(); err != nil {
		return &StoreError{Path: d.store.db.Path(), Err: err}
	}
	machines := d.lookFor(ctx, records)
	if err := d.openNode(machines); err != nil {
		return err
	}
	// All that runs is in the ledger before the first guest is heard, which may want what another holds.
	begin := make(map[*keeper]beginning)
	for _, r := range records {
		d.host.LastSeq = max(d.host.LastSeq, r.Seq)
		k := newKeeper(d, r)
		d.keepers[k.name] = k
		if r.alive() {
			begin[k] = k.takeUp(ctx, machines[r])
		} else {
			close(k.done)
		}
	}
	d.sweep()
	for k, from := range begin {
		if from.forgotten {
			continue
		}
		if from.guest != nil {
			k.adopted(ctx, from.guest)
		}
		if from.move != nil {
			go from.move()
		}
		go k.live(from)
	}
	return nil
}

// lookFor attaches to all machines that were running, or about to. One that cannot be attached to is ended: nobody could
// govern it.
func (d *Daemon) lookFor(ctx context.Context, records []*record) map[*record]*found {
	machines := make(map[*record]*found)
	var group errgroup.Group
	group.SetLimit(attachAtOnce)
	for _, r := range records {
		if r.Machine == nil || r.Machine.Detached == nil {
			continue
		}
		f := &found{}
		machines[r] = f
		k := newKeeper(d, r)
		r.Machine.Log, r.Machine.Confine = d.cfg.Log, k.confine
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, attachWithin)
			defer cancel()
			if f.Attached, f.err = d.cfg.Attach(ctx, *r.Machine); f.err == nil {
				return nil
			}
			if !errors.Is(f.err, vmm.ErrNotRunning) {
				d.cfg.Log.Error("guest cannot be taken up and is ended", "guest", r.Spec.Name, "err", f.err)
			}
			if err := vmm.KillDetached(r.Machine.Detached.UUID); err != nil {
				d.cfg.Log.Error("machine not ended", "guest", r.Spec.Name, "err", err)
			}
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	return machines
}

// openNode starts the executor. What guests hold is not available now: while some run, the capacity is what it was.
func (d *Daemon) openNode(machines map[*record]*found) error {
	capacity, running := d.cfg.Capacity, false
	for _, f := range machines {
		running = running || f.err == nil
	}
	if capacity.Memory == 0 && running {
		capacity.Memory, capacity.Slush = d.host.Capacity.Memory, d.host.Capacity.Slush
	}
	own := node.Config{Capacity: capacity, Launch: d.launch, Hold: d.cfg.Hold, Volumes: d.volumes(), Log: d.cfg.Log}
	if len(d.peers) > 0 {
		own.Propose, own.MoveAfter = d.relieve, relieveAfter
	}
	n, err := node.New(own)
	if err != nil {
		return err
	}
	d.node = n
	d.host.Capacity = n.Capacity()
	return d.store.putHost(d.host)
}

// takeUp goes on with one guest, and says where.
func (k *keeper) takeUp(ctx context.Context, m *found) beginning {
	k.d.cfg.At(pointTakingUp)
	if k.rec.State == nodeapi.StateArriving {
		if from, over := k.takeUpArrival(ctx, m); over {
			return from
		}
	}
	if k.rec.Leaving != nil && (m == nil || m.err != nil) {
		return beginning{leaving: true, move: k.takeUpMove(nil, move.MachineGone)}
	}
	if m == nil || m.err != nil {
		k.clear()
		if k.rec.State == nodeapi.StateRunning || k.rec.Exit != nil && k.rec.State == nodeapi.StateStarting {
			return beginning{lost: "its machine ended while no silo node ran"}
		}
		return k.resume()
	}
	log, err := k.openLog()
	if err == nil {
		var g *node.Guest
		started := k.rec.Started
		if started.IsZero() {
			started = time.Now()
		}
		g, err = k.d.node.Adopt(ctx, k.spec(log), node.Running{Machine: m.Machine, Plugged: m.Plugged, Requested: m.Requested, Started: started})
		if err == nil {
			from := beginning{guest: g}
			if k.rec.Leaving != nil {
				from.move = k.takeUpMove(g, found2machine[m.doing(ctx)])
			}
			return from
		}
	}
	k.d.cfg.Log.Error("guest cannot be taken up and is ended", "guest", k.name, "err", err)
	if err := m.Close(); err != nil {
		k.d.cfg.Log.Error("machine not ended", "guest", k.name, "err", err)
	}
	k.clear()
	return beginning{lost: fmt.Sprintf("it could not be taken up: %v", err)}
}

// adopted goes on with what the daemon before was about to do.
func (k *keeper) adopted(ctx context.Context, g *node.Guest) {
	k.mu.Lock()
	moves := k.leaving != nil // then it is served when it is known where it runs
	k.mu.Unlock()
	if !moves {
		g.Resume()
	}
	k.mu.Lock()
	k.guest = g
	bounds, halted := k.rec.Bounds, k.rec.Halted
	k.mu.Unlock()
	k.note(func(r *record) {
		if r.State = nodeapi.StateRunning; r.Started.IsZero() {
			r.Started = time.Now()
		}
	})
	if bounds != nil {
		if err := g.SetBounds(ctx, *bounds); err != nil {
			k.d.cfg.Log.Warn("bounds of guest are those it was started with", "guest", k.name, "err", err)
		}
	}
	if halted {
		go func() { k.shutdown(k.d.ctx, g, 0) }()
	}
}

// resume goes on with a guest that has no machine: it was about to be started, or waited for that.
func (k *keeper) resume() beginning {
	if k.rec.Halted {
		return beginning{lost: "it was stopped before it was started"}
	}
	if k.rec.State == nodeapi.StateBackoff && time.Until(k.rec.Next) > 0 {
		return beginning{waits: true}
	}
	return beginning{}
}

// sweep removes what guests left that the store does not know: they were being made, or removed.
func (d *Daemon) sweep() {
	entries, err := os.ReadDir(filepath.Join(d.cfg.Dir, "guests"))
	if err != nil {
		return // there has been none yet
	}
	for _, e := range entries {
		if d.keepers[e.Name()] == nil {
			if err := os.RemoveAll(d.guestDir(e.Name())); err != nil {
				d.cfg.Log.Warn("folder of a guest that is no more stays", "err", err)
			}
		}
	}
	ids := make(map[string]bool)
	for _, k := range d.keepers {
		ids[k.machineID()] = true
	}
	if _, err := d.limits.Sweep(func(id string) bool { return ids[id] }); err != nil {
		d.cfg.Log.Warn("memory cgroups stay", "err", err)
	}
}
