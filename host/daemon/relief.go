package daemon

import (
	"context"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/nodeapi"
)

// relieveAfter is for how long the guests of a host that has peers must want more than there is before one of them moves.
const relieveAfter = 500 * time.Millisecond

// relieve moves a guest that the broker names, one at a time. It does not wait.
func (d *Daemon) relieve(p broker.ProposeMove) {
	if p.To == "" || d.cfg.StayPut {
		return
	}
	select {
	case d.relieving <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-d.relieving }()
		if _, err := d.Migrate(d.ctx, string(p.Guest), nodeapi.Migrate{To: p.To}); err != nil && d.ctx.Err() == nil {
			d.cfg.Log.Warn("guest not moved to make room", "guest", p.Guest, "to", p.To, "err", err)
		}
	}()
}

// Drain moves all guests that run here to the peers that have most to spare, one after the other, and says how each went. Those
// that cannot move stay.
func (d *Daemon) Drain(ctx context.Context) ([]nodeapi.Move, error) {
	if len(d.peers) == 0 {
		_, err := d.findPeer("")
		return nil, err
	}
	moves := []nodeapi.Move{}
	for _, g := range d.Guests() {
		if g.State != nodeapi.StateRunning {
			continue
		}
		m := d.drainOne(ctx, g)
		moves = append(moves, m)
		if ctx.Err() != nil {
			return moves, context.Cause(ctx)
		}
	}
	return moves, nil
}

// drainOne tries the peers, the one with most memory to spare first.
func (d *Daemon) drainOne(ctx context.Context, g nodeapi.Guest) nodeapi.Move {
	m := nodeapi.Move{Guest: g.Name, State: "stayed", Error: "no peer answers"}
	tried := make(map[string]bool)
	for range d.peers {
		var best nodeapi.Peer
		for _, p := range d.Peers() {
			if p.Alive && !tried[p.Name] && (best.Name == "" || p.Memory > best.Memory) {
				best = p
			}
		}
		if best.Name == "" {
			break
		}
		tried[best.Name] = true
		r, err := d.Migrate(ctx, g.Name, nodeapi.Migrate{To: best.Name})
		if m = r; err == nil {
			return m
		}
		m.Guest, m.To, m.State, m.Error = g.Name, best.Name, "stayed", err.Error()
	}
	return m
}

// DrainPeer has a peer drained.
func (d *Daemon) DrainPeer(ctx context.Context, name string) ([]nodeapi.Move, error) {
	if name == d.name {
		return d.Drain(ctx)
	}
	p, err := d.findPeer(name)
	if err != nil {
		return nil, err
	}
	return p.client.Drain(ctx)
}
