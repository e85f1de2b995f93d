package node

import "context"

// sendGrants sends the newest grant whenever there is one and the guest can take it. More vCPU time is there before the
// guest hears of it.
func (g *Guest) sendGrants(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.grants.wake:
		}
		g.mu.Lock()
		able := g.demanded
		g.mu.Unlock()
		if !able {
			continue // the first demand wakes this again
		}
		grant, ok := g.grants.take()
		if !ok {
			continue
		}
		g.complain(g.cpus.widen(grant.MilliCPU))
		if err := g.conn.SendGrant(grant); err != nil {
			g.node.cfg.Log.Debug("grant not sent", "guest", g.id, "serial", grant.Serial, "err", err)
		}
	}
}
