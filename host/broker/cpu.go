package broker

import "github.com/silo-os/silo/hvcall"

// oneCPU is a whole vCPU, in thousandths.
const oneCPU = 1000

// claimCPU states a guest's part in the division of the processors. They can be taken back at once, so a floor
// is believed up to the one vCPU that a guest needs to get anywhere; beyond that it would be
// a way to hoard. A guest that was frozen has what it is guaranteed.
func (b *Broker) claimCPU(g *member) {
	c, least := &g.CPU, g.Bounds.MinMilli
	floor, want := min(c.Floor, c.Granted, oneCPU), c.Want
	if g.Memory.Owing.frozen() {
		floor, want = least, least
	}
	b.cpu.set(g.at, least, floor, want, int64(g.Bounds.Weight)*taxScale)
}

// shareCPU sets every guest's share of the processors. Where they are contended, shares above one vCPU are whole
// vCPUs: a guest with a part of a second one would be preempted while it holds locks that its first one waits
// for. Two guests that would fight for a core get one vCPU each.
func (b *Broker) shareCPU() {
	b.cpu.solve(b.s.Capacity.MilliCPU, func(i int, milli int64) {
		if g := b.members[i]; g.CPU.Target != milli {
			g.CPU.Target = milli
			b.touch(g)
		}
	})
}

// grantCPUs decides what the next grants say. Less is said at once, and counts in the ledger once the guest has
// applied it; more is said as far as there is room, to those first who stall.
func (b *Broker) grantCPUs() {
	for _, g := range b.touched {
		if g.Phase != PhaseRunning {
			continue
		}
		g.CPU.Granted = min(g.CPU.Target, g.CPU.Promises.upper())
		if g.CPU.Granted < g.CPU.Target {
			b.waitCPU.put(g)
		} else {
			b.waitCPU.remove(g)
		}
	}
	for g := b.waitCPU.first(); g != nil && b.freeMilli > 0; g = b.waitCPU.first() {
		if !b.widen(g) {
			return // it comes first, whoever could do with less
		}
		b.waitCPU.remove(g)
	}
}

// widen grants as much of a guest's share as there is room for, and reports whether that was all.
func (b *Broker) widen(g *member) bool {
	c := &g.CPU
	upper := c.Promises.upper()
	granted := min(c.Target, upper+b.freeMilli)
	if granted < c.Target && granted > oneCPU {
		granted = max(granted-granted%oneCPU, upper)
	}
	if granted > upper {
		// In the ledger from now on: the next guest of this plan must not be given it too.
		b.freeMilli -= granted - upper
		c.Granted = granted
		c.Promises = c.Promises.add(Promise{Serial: g.Grant.Serial + 1, Amount: granted})
		b.touch(g)
	}
	return granted == c.Target
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
