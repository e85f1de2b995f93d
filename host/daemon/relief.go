package daemon

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
)

// relieveAfter is for how long the guests of a host that has peers must want more than there is before one of them moves, at most.
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
		_, err := d.Migrate(d.ctx, string(p.Guest), nodeapi.Migrate{To: p.To})
		if err == nil {
			d.vain = 0
			return
		}
		wait := relieveAgain(d.vain)
		d.vain++
		if d.ctx.Err() == nil {
			d.cfg.Log.Warn("guest not moved to make room", "guest", p.Guest, "to", p.To, "err", err, "again_in", wait)
		}
		select {
		case <-time.After(wait):
		case <-d.ctx.Done():
		}
	}()
}

// relieveAgain is how long no guest moves to make room after some in a row did not: each of them was disturbed for nothing, and what kept
// them is likely there still.
func relieveAgain(vain int) time.Duration { return min(time.Minute, time.Second<<min(vain, 10)) }

// Drain moves all guests that run here to the peers that have most to spare, one after the other, and says how each went, or
// why it stays.
func (d *Daemon) Drain(ctx context.Context) ([]nodeapi.Move, error) {
	if len(d.peers) == 0 {
		_, err := d.findPeer("")
		return nil, err
	}
	moves := []nodeapi.Move{}
	for _, g := range d.Guests() {
		switch g.State {
		case nodeapi.StateEnded, nodeapi.StateMoved:
			continue
		case nodeapi.StateRunning:
			moves = append(moves, d.drainOne(ctx, g))
		default:
			moves = append(moves, stays(g.Name, fmt.Sprintf("it does not run, it is %s: only one that does is moved", g.State)))
		}
		if ctx.Err() != nil {
			return moves, context.Cause(ctx)
		}
	}
	return moves, nil
}

// stays is how it went with a guest that is where it was.
func stays(guest, why string) nodeapi.Move {
	return nodeapi.Move{Guest: guest, State: string(move.StateStayed), Error: why}
}

// drainOne tries the peers, the one with most memory to spare first. A guest that cannot move to any of them is not
// offered to all.
func (d *Daemon) drainOne(ctx context.Context, g nodeapi.Guest) nodeapi.Move {
	var whys []string
	for best := range d.byRoom() {
		r, err := d.Migrate(ctx, g.Name, nodeapi.Migrate{To: best})
		if err == nil {
			return r
		}
		if !nodeapi.Is(err, nodeapi.CodeStayed) {
			return stays(g.Name, err.Error())
		}
		whys = append(whys, best+": "+r.Error)
		if r.State == string(move.StateEnded) {
			r.Guest, r.To = g.Name, best
			return r
		}
	}
	if len(whys) == 0 {
		whys = append(whys, "no peer answers")
	}
	return stays(g.Name, strings.Join(whys, "; "))
}

// byRoom yields the names of the peers that answer, the one with most memory to spare first, as it is when it is asked for.
func (d *Daemon) byRoom() iter.Seq[string] {
	return func(yield func(string) bool) {
		tried := make(map[string]bool)
		for range d.peers {
			var best nodeapi.Peer
			for _, p := range d.Peers() {
				if p.Alive && !tried[p.Name] && (best.Name == "" || p.Memory > best.Memory) {
					best = p
				}
			}
			tried[best.Name] = true
			if best.Name == "" || !yield(best.Name) {
				return
			}
		}
	}
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
