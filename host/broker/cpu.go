package broker

import (
	"time"

	"github.com/silo-os/silo/hvcall"
)

// oneCPU is a whole vCPU, in thousandths.
const oneCPU = 1000

// claimCPU states a guest's part in the division of the processors. The floor that it states plays no part: time is taken back
// and given at once, so nobody needs more of it than he is guaranteed to live, and to be believed would be a way to hoard.
func (b *Broker) claimCPU(g *member) {
	weight := int64(g.Bounds.Weight) * taxScale
	if g.Conduct.Bad {
		weight = 1
	}
	b.cpu.set(g.at, g.sureMilli(), 0, g.wantMilli(b.scarceCPU), weight)
}

// wantMilli is what the guest's want for vCPUs counts for. One that was frozen has what it is guaranteed.
func (g *Guest) wantMilli(scarce bool) int64 {
	if g.Memory.Owing.frozen() {
		return g.sureMilli()
	}
	c := &g.CPU
	return c.Load.claims(c.Want, g.sureMilli(), scarce)
}

// sureMilli is what a guest has whatever the others want.
func (g *Guest) sureMilli() int64 {
	if g.Conduct.Bad {
		return min(g.Bounds.MinMilli, lastMilli)
	}
	return g.Bounds.MinMilli
}

// heldMilli is what of the processors a guest keeps from the others: all it may use, or, while it leaves that idle, what
// it is sure of. Time, unlike memory, is taken back the moment it is wanted: the host's scheduler sees to that until the
// broker has divided anew.
func (g *Guest) heldMilli() int64 {
	upper := g.CPU.Promises.upper()
	if g.CPU.Load.Idle {
		return min(upper, g.sureMilli())
	}
	return upper
}

// targetMilli is a guest's share. One that leaves its vCPUs idle keeps them: others have the time.
func (g *Guest) targetMilli() int64 {
	c := &g.CPU
	if !c.Load.Idle || g.Memory.Owing.frozen() || g.Conduct.Bad {
		return c.Share
	}
	return max(c.Share, c.Load.claims(min(c.Want, c.Granted), g.sureMilli(), false))
}

// shareCPU sets every guest's share of the processors. Where they are contended, shares above one vCPU are whole
// vCPUs, but for one: a guest whose second vCPU exists for a part of the time stops there with whatever lock it
// holds. Two guests that would fight for a core get one vCPU each.
func (b *Broker) shareCPU() {
	if scarce := b.sum.wantMilli > b.s.Capacity.MilliCPU; scarce != b.scarceCPU {
		b.scarceCPU = scarce
		for _, g := range b.members {
			b.claimCPU(g)
		}
	}
	b.cpu.solve(b.s.Capacity.MilliCPU, func(i int, milli int64) {
		if g := b.members[i]; g.CPU.Share != milli {
			g.CPU.Share = milli
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
		g.CPU.Target = g.targetMilli()
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

// Seizure is when the host takes vCPUs away that a guest was told to do without. A guest stops using them by
// itself first, because only it knows which one holds a lock; one that does not say in time that it has is
// treated as if it had, and the quota of its vCPU threads sees to it.
type Seizure struct {
	Serial uint64        `json:"serial"` // of the grant that said so
	At     time.Duration `json:"at"`     // when; 0 = nothing is to be taken
}

// seize takes what is due. It was told to do with less, so it cannot count on more.
func (b *Broker) seize(g *member) {
	c := &g.CPU
	if c.Seizure.At == 0 || b.s.Now < c.Seizure.At {
		return
	}
	was := c.Promises.upper()
	c.Promises = c.Promises.applied(c.Seizure.Serial)
	c.Seizure = Seizure{}
	b.note(g.ID, "did not say that it uses fewer vCPUs: held to %d of %d mCPU", c.Promises.upper(), was)
	b.account(g)
}

// sentence sets when vCPUs are taken that the guest was told to do without.
func (b *Broker) sentence(g *member) {
	switch c := &g.CPU; {
	case g.Phase != PhaseRunning || c.Promises.upper() <= c.Granted:
		c.Seizure = Seizure{}
	case g.Conduct.Bad && (c.Seizure.At == 0 || c.Seizure.At > b.s.Now+lastWithin):
		c.Seizure = Seizure{Serial: g.Grant.Serial, At: b.s.Now + lastWithin}
	case c.Seizure.At == 0:
		c.Seizure = Seizure{Serial: g.Grant.Serial, At: b.s.Now + b.cfg.Within}
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
