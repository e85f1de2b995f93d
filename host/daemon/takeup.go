package daemon

import (
	"cmp"
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

// attachAtOnce is how many machines are looked for at a time, attachWithin how long each is waited for at once, and attachMost in all.
const (
	attachAtOnce = 16
	attachWithin = 20 * time.Second
	attachMost   = 2 * time.Minute
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
			d.lookForOne(ctx, r, f)
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	return machines
}

// lookForOne attaches to a machine.
func (d *Daemon) lookForOne(ctx context.Context, r *record, f *found) {
	if f.Attached, f.err = d.attachTo(ctx, r); f.err == nil {
		return
	}
	if !errors.Is(f.err, vmm.ErrNotRunning) {
		d.cfg.Log.Error("guest cannot be taken up and is ended", "guest", r.Spec.Name, "err", f.err)
	}
	if err := vmm.KillDetached(r.Machine.Detached.UUID); err != nil {
		d.cfg.Log.Error("machine not ended", "guest", r.Spec.Name, "err", err)
	}
}

// attachTo attaches to a machine, and is patient with one that is there and does not answer: a QEMU that copies its guest, or gives a
// lot of memory back, may not for a while, and has a guest that is worth the wait.
func (d *Daemon) attachTo(ctx context.Context, r *record) (Attached, error) {
	ctx, cancel := context.WithTimeout(ctx, attachMost)
	defer cancel()
	for first := true; ; first = false {
		once, cancel := context.WithTimeout(ctx, attachWithin)
		a, err := d.cfg.Attach(once, *r.Machine)
		late := once.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !late || errors.Is(err, vmm.ErrNotRunning) {
			return a, err
		}
		if first {
			d.cfg.Log.Warn("guest's machine does not answer: it is asked again", "guest", r.Spec.Name, "for", attachMost, "err", err)
		}
	}
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
	if m == nil || m.err != nil {
		return k.takeUpNone()
	}
	g, err := k.adopt(ctx, m)
	if err != nil {
		k.d.cfg.Log.Error("guest cannot be taken up and is ended", "guest", k.name, "err", err)
		k.drop(m)
		return k.lose(fmt.Sprintf("it could not be taken up: %v", err))
	}
	from := beginning{guest: g}
	if k.rec.Leaving != nil {
		// Whatever a machine does that does not say: who finds one standing still asks before the guest runs, or is let go of.
		// One that came here once, and stands still as it did then, was stopped to be copied, and has not been.
		from.move = k.takeUpMove(g, cmp.Or(m.doing(ctx, move.MachineCopies), move.MachineStill))
	}
	return from
}

// takeUpNone goes on with a guest that has no machine.
func (k *keeper) takeUpNone() beginning {
	switch {
	case k.rec.Leaving != nil:
		return k.lose("its machine ended on the way to another host")
	case k.rec.State == nodeapi.StateRunning || k.rec.Exit != nil && k.rec.State == nodeapi.StateStarting:
		return k.lose("its machine ended while no silo node ran")
	}
	k.clear()
	return k.resume()
}

// lose goes on with a guest whose machine is gone. One that was leaving may run elsewhere: its move is gone on with, and says so.
func (k *keeper) lose(why string) beginning {
	from := beginning{lost: why}
	if k.rec.Leaving != nil {
		from.move = k.takeUpMove(nil, move.MachineGone)
	} else {
		k.clear()
	}
	return from
}

// adopt has a machine that was found be the guest's.
func (k *keeper) adopt(ctx context.Context, m *found) (*node.Guest, error) {
	log, err := k.openLog()
	if err != nil {
		return nil, err
	}
	started := k.rec.Started
	if started.IsZero() {
		started = time.Now()
	}
	return k.d.node.Adopt(ctx, k.spec(log), node.Running{Machine: m.Machine, Plugged: m.Plugged, Requested: m.Requested, Started: started})
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
