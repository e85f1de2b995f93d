package broker

import "github.com/silo-os/silo/hvcall"

// shareCPU sets every guest's share of the processors.
func (b *Broker) shareCPU() {
	claims, scarce := b.cpuClaims()
	shares := share(b.s.Capacity.MilliCPU, claims)
	if scarce {
		shares = whole(shares, claims)
	}
	for i, g := range b.s.Guests {
		g.CPU.Target = shares[i]
		if g.CPU.Load.Idle { // others may have the time, it keeps the vCPUs
			g.CPU.Target = max(shares[i], g.CPU.Load.claims(min(g.CPU.Want, g.CPU.Granted), g.cpuLow(), false))
		}
	}
}

// cpuClaims is what each guest's want counts for, and whether there is less than all want.
func (b *Broker) cpuClaims() (claims []claim, scarce bool) {
	var wants int64
	for _, g := range b.s.Guests {
		g.CPU.Load = g.CPU.Load.lifted(b.s.Now)
		wants += g.CPU.Load.claims(g.CPU.Want, g.Bounds.MinMilli, false)
	}
	scarce = wants > b.s.Capacity.MilliCPU
	claims = make([]claim, len(b.s.Guests))
	for i, g := range b.s.Guests {
		low := g.cpuLow()
		claims[i] = claim{low: low, want: g.CPU.Load.claims(g.CPU.Want, low, scarce), weight: int64(g.Bounds.Weight)}
	}
	return claims, scarce
}

// cpuLow is what a guest has whatever the others want.
func (g *Guest) cpuLow() int64 { return max(g.Bounds.MinMilli, min(g.CPU.Floor, g.CPU.Granted)) }

// cpuHeld is what of the processors a guest keeps from the others: all it may use, or, while it leaves that idle, what it is
// sure of. Time, unlike memory, is taken back the moment it is wanted: the host's scheduler sees to that until the
// broker has divided anew.
func (g *Guest) cpuHeld() int64 {
	upper := g.CPU.Promises.upper()
	if g.CPU.Load.Idle {
		return min(upper, g.cpuLow())
	}
	return upper
}

// grantCPU decides what the next grant says. Less is said at once, and counts in the ledger once the guest has
// applied it; more is said as far as there is room.
func (b *Broker) grantCPU(g *Guest) {
	if g.Phase != PhaseRunning {
		return
	}
	c := &g.CPU
	upper := c.Promises.upper()
	c.Granted = min(c.Target, upper+max(0, b.freeMilli))
	if c.Granted > upper {
		// In the ledger from now on: the next guest of this plan must not be given it too.
		b.freeMilli -= c.Granted - upper
		c.Promises = c.Promises.add(Promise{Serial: g.Grant.Serial + 1, Amount: c.Granted})
	}
}

// cpuLimit says what stands against more vCPUs.
func (g *Guest) cpuLimit() hvcall.Limit {
	c := &g.CPU
	switch {
	case c.Granted < c.Want:
		return hvcall.LimitHost
	case int64(g.Demand.MilliCPU) > g.Bounds.MaxMilli:
		return hvcall.LimitMaximum
	}
	return hvcall.LimitNone
}
