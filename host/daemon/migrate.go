package daemon

import (
	"context"

	"github.com/google/uuid"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
)

// Migrate moves a guest to a peer, and returns when it is there, or has stayed, which is a refusal.
func (d *Daemon) Migrate(ctx context.Context, name string, to nodeapi.Migrate) (nodeapi.Move, error) {
	k, err := d.find(name)
	if err != nil {
		return nodeapi.Move{}, err
	}
	p, err := d.findPeer(to.To)
	if err != nil {
		return nodeapi.Move{}, err
	}
	m, err := k.depart(p, to.Whole)
	if err != nil {
		return nodeapi.Move{}, err
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		m.post(move.Cancelled) // who asked does not wait for it any more
		return nodeapi.Move{}, context.Cause(ctx)
	}
	r := m.shown()
	if r.State == string(move.StateMoved) {
		return r, nil
	}
	return r, nodeapi.Refuse(nodeapi.CodeStayed, "guest %s is not on %s: %s", name, to.To, r.Error)
}

// depart begins a move.
func (k *keeper) depart(to *peer, whole bool) (*departure, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.guest == nil || k.rec.State != nodeapi.StateRunning:
		return nil, nodeapi.Refuse(nodeapi.CodeState, "guest %s does not run: only one that does is moved", k.name)
	case k.rec.Halted:
		return nil, nodeapi.Refuse(nodeapi.CodeState, "guest %s is being stopped", k.name)
	case k.leaving != nil:
		return nil, nodeapi.Refuse(nodeapi.CodeState, "guest %s is being moved to %s already", k.name, k.leaving.to.Name)
	case restarts(k.rec.Spec):
		return nil, nodeapi.Refuse(nodeapi.CodeState, "guest %s is started again when it ends (%s), for which %s would need its image: "+
			"start it with --restart never", k.name, k.rec.Spec.Restart, to.Name)
	}
	if err := k.guest.Movable(); err != nil {
		return nil, nodeapi.Refuse(nodeapi.CodeState, "%v", err)
	}
	m := k.newDeparture(k.guest, to, uuid.NewString())
	next := k.rec
	next.Leaving = &leaving{ID: m.id, To: to.Name}
	if err := k.d.store.put(&next); err != nil {
		return nil, err
	}
	k.rec, k.leaving, m.served, m.whole = next, m, true, whole
	select {
	case <-k.guest.Burst(): // of an earlier move
	default:
	}
	s, acts := move.Begin(m.now(), k.d.moveLimits())
	go m.run(s, acts)
	return m, nil
}

// moveLimits are how long the parts of a move may take here.
func (d *Daemon) moveLimits() move.Limits { return d.cfg.Moves.WithDefaults() }
