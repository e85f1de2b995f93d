package broker

import "github.com/silo-os/silo/hvcall"

// state sends a guest the grant that holds now, where that is news to it.
func (b *Broker) state(g *member) {
	if g.Phase != PhaseRunning {
		return
	}
	next := b.grantOf(g)
	switch {
	case b.isNews(&g.Guest, next):
		next.Serial = g.Grant.Serial + 1
		g.Grant = next
		g.Memory.Promises = g.Memory.Promises.add(Promise{Serial: next.Serial, Amount: int64(next.Memory)})
		g.CPU.Promises = g.CPU.Promises.add(Promise{Serial: next.Serial, Amount: int64(next.MilliCPU)})
		g.Remind = Retry{}
	case !g.Remind.due(b.s.Now):
		return
	}
	if b.awaitsShrink(&g.Guest) {
		g.Remind = g.Remind.failed(b.s.Now, b.cfg.Within, b.cfg.RetryMost)
	} else {
		g.Remind = Retry{}
	}
	b.do(b.sendGrant(g))
}

// sendGrant is the newest grant, with what led to it.
func (b *Broker) sendGrant(g *member) SendGrant {
	m, c := &g.Memory, &g.CPU
	return SendGrant{
		Guest: g.ID, Grant: g.Grant, Wants: b.stated(&g.Guest), WantsMilli: max(int64(g.Demand.MilliCPU), g.Bounds.MinMilli),
		Share: m.Target, ShareMilli: c.Target, Free: b.free, Tax: m.Use.Tax, Rationed: m.Bucket.waits(b.s.Now), Frozen: m.Owing.frozen(), Bad: g.Conduct.Bad,
	}
}

// grantOf is what the guest may hold now. Memory is never more than what is plugged for certain.
func (b *Broker) grantOf(g *member) hvcall.Grant {
	m := &g.Memory
	n := hvcall.Grant{
		Serial: g.Grant.Serial, Revision: g.Demand.Revision,
		Memory: uint64(min(m.Firm, m.Target)), MilliCPU: uint32(g.CPU.Granted),
		Limit: b.memoryLimit(&g.Guest), Price: b.s.Price.Told,
	}
	if m.Op != 0 {
		n.Revision = g.Grant.Revision // the answer to the newest demand is still to come
	}
	if n.Limit == hvcall.LimitNone {
		n.Limit = g.cpuLimit()
	}
	if n.Limit == hvcall.LimitReclaim {
		n.Within = uint32(b.cfg.Within.Milliseconds())
	}
	return n
}

// isNews reports whether n says something that the guest must hear now. While a resize is under
// way its answer is about to bring the rest, so only what cannot wait goes ahead of it.
func (b *Broker) isNews(g *Guest, n hvcall.Grant) bool {
	was := g.Grant
	switch {
	case was.Serial == 0, n.MilliCPU != was.MilliCPU, n.Memory > was.Memory:
		return true
	case n.Memory < was.Memory && (n.Limit == hvcall.LimitReclaim || int64(was.Memory) > g.Bounds.Max):
		return true // memory that others wait for, or more than it may ever have since its maximum was lowered
	}
	return g.Memory.Op == 0 && n != was
}

// awaitsShrink reports whether the guest has been told to do with less and the host counts on it.
func (b *Broker) awaitsShrink(g *Guest) bool {
	if g.Applied >= g.Grant.Serial {
		return false
	}
	return g.Grant.Limit == hvcall.LimitReclaim || g.CPU.Promises.upper() > g.CPU.Granted
}
