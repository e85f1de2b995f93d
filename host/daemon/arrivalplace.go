package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// launch makes the guest's place and a machine that waits.
func (r *arrival) launch(ctx context.Context) {
	err := r.makePlace(ctx)
	close(r.placed)
	if err != nil {
		r.post(move.DestFailed)
		r.ready <- err
		return
	}
	r.post(move.DestLaunched)
	r.ready <- nil
	go func() {
		select {
		case <-r.g.MachineDone():
			r.post(move.DestMachineEnd)
		case <-r.over:
		}
	}()
	if err := r.g.CameIn(ctx); err != nil {
		if ctx.Err() == nil && !errors.Is(err, vmm.ErrNotRunning) {
			r.d.cfg.Log.Warn("guest did not come in", "guest", r.a.Spec.Name, "err", err)
			r.post(move.DestFailed) // it stands still at its source until that hears of it
		}
		return // else the end of its machine follows
	}
	r.cameIn()
	r.post(move.DestCameIn)
}

func (r *arrival) makePlace(ctx context.Context) error {
	k, err := r.d.enrollArriving(r.a)
	if err != nil {
		return err
	}
	r.k = k
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return fmt.Errorf("make guest's folder: %w", err)
	}
	if err := k.update(func(rec *record) { rec.Created = time.Now() }); err != nil {
		return err
	}
	log, err := k.openLog()
	if err != nil {
		return err
	}
	spec := k.spec(log)
	detach := spec.Machine
	spec.Machine = func(cfg *vmm.Config) { cfg.Accel = r.a.Accel; detach(cfg) }
	g, err := r.d.node.Expect(ctx, spec, r.a.Memory)
	if err != nil {
		return err
	}
	r.g = g
	sending, err := g.Receive(ctx, r.d.cfg.Fleet.Stream, r.a.Still)
	r.at = nodeapi.Expected{Address: sending.To, Memory: sending.Memory, Authority: sending.TLS.Authority, Cert: sending.TLS.Cert, Key: sending.TLS.Key, Peer: sending.TLS.Peer}
	return err
}

// enrollArriving takes the name for a guest that comes. One that left this host before is not in its way.
func (d *Daemon) enrollArriving(a nodeapi.Arrival) (*keeper, error) {
	d.mu.Lock()
	old := d.keepers[a.Spec.Name]
	d.mu.Unlock()
	if old != nil && old.hasMoved() {
		if err := old.forget(); err != nil {
			return nil, err
		}
	}
	a.Spec.Cores = "" // where this host writes files is not for another one to say
	return d.enroll(a.Spec, func(r *record) { r.State, r.Came = nodeapi.StateArriving, a.ID })
}
