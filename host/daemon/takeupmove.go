package daemon

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// found2machine says in package move's words what a machine does.
var found2machine = map[vmm.Doing]move.Machine{
	vmm.Runs: move.MachineRuns, vmm.Copies: move.MachineCopies, vmm.Still: move.MachineStill, vmm.Waits: move.MachineWaits,
}

// doing is what a machine that was found does; "" = it does not say, within attachMost. came is what one does that stands still where it came in.
func (f *found) doing(ctx context.Context, came move.Machine) move.Machine {
	m, ok := f.Machine.(interface {
		Doing(context.Context) (vmm.Doing, error)
	})
	if !ok {
		return move.MachineRuns
	}
	ctx, cancel := context.WithTimeout(ctx, attachMost)
	defer cancel()
	switch is, err := m.Doing(ctx); {
	case errors.Is(err, vmm.ErrNotRunning):
		return move.MachineGone
	case err != nil:
		return ""
	case is == vmm.Came:
		return came
	default:
		return found2machine[is]
	}
}

// takeUpMove makes ready to go on with a move that an earlier daemon began, and returns what does. That is for when all that runs is
// in the ledger: it may have the guest served.
func (k *keeper) takeUpMove(g *node.Guest, found move.Machine) (goOn func()) {
	l := k.rec.Leaving
	to := k.d.peers[l.To]
	if to == nil {
		// It can be asked when it is a peer again, and the node is started anew.
		k.d.cfg.Log.Error("guest was being moved to a host that is no peer any more", "guest", k.name, "to", l.To)
		client, _ := nodeapi.NewClient(nodeapi.Target{Socket: "/nonexistent"})
		to = &peer{PeerConfig: PeerConfig{Name: l.To}, client: client}
	}
	m := k.newDeparture(g, to, l.ID)
	k.leaving = m
	s, acts := move.Restarted(m.now(), k.d.moveLimits(), found)
	return func() { m.run(s, acts) }
}

// takeUpArrival says what became of a guest that was on its way here; over = it does not run.
func (k *keeper) takeUpArrival(ctx context.Context, m *found) (from beginning, over bool) {
	is := move.MachineGone
	if m != nil && m.err == nil {
		is = cmp.Or(m.doing(ctx, move.MachineStill), move.MachineGone) // it may have run: nobody is told that it never did
	}
	switch s, _ := move.RestartedDestination(is, k.rec.Ran); s.State {
	case move.DestGone:
		return k.didNotCome(m), true
	case move.DestLost:
		k.drop(m)
		k.clear()
		k.runs() // it did
		return beginning{lost: "its machine ended while no silo node ran"}, true
	}
	return beginning{}, false
}

// runs has the guest count as one that runs here.
func (k *keeper) runs() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rec.State, k.rec.Started = nodeapi.StateRunning, time.Now()
}

// drop ends a machine that was found.
func (k *keeper) drop(m *found) {
	if m == nil || m.err != nil {
		return
	}
	if err := m.Close(); err != nil {
		k.d.cfg.Log.Error("machine that waited not ended", "guest", k.name, "err", err)
	}
}

// didNotCome forgets a guest that was on its way here: it is whole where it came from.
func (k *keeper) didNotCome(m *found) beginning {
	k.drop(m)
	k.clear()
	close(k.done)
	if err := k.forget(); err != nil {
		k.d.cfg.Log.Error("place of a guest that did not come stays", "guest", k.name, "err", err)
	}
	return beginning{forgotten: true}
}
