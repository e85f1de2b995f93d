package broker

import (
	"fmt"

	"github.com/silo-os/silo/hvcall"
)

// claimMemory states a guest's part in the division of memory. Boot memory cannot be taken back, so only what is
// above it is shared, in whole blocks. What it leaves idle counts against its weight, and a floor is believed as far as
// memory is held and in use.
func (b *Broker) claimMemory(g *member) {
	m, least, want := &g.Memory, g.Bounds.Min, g.Memory.Want
	floor := min(m.Floor, m.Firm, roundUp(m.Firm-m.Use.Idle, g.Bounds.Boot, b.cfg.Block))
	if m.Owing.frozen() {
		floor, want = least, min(want, max(m.Target, least))
	}
	blocks := func(n int64) int64 { return max(0, n-g.Bounds.Boot) / b.cfg.Block }
	b.memory.set(g.at, blocks(least), blocks(floor), blocks(want), int64(g.Bounds.Weight)*m.Use.taxed())
}

// shareMemory sets every guest's target.
func (b *Broker) shareMemory() {
	avail := max(0, b.s.Capacity.usable()-b.sum.boot) / b.cfg.Block
	b.memory.solve(avail, func(i int, blocks int64) {
		g := b.members[i]
		if target := g.Bounds.Boot + blocks*b.cfg.Block; target != g.Memory.Target {
			g.Memory.Target = target
			b.touch(g)
		}
	})
}

// shrink asks for memory back that the guest can do without: by its own demand, or because it
// applied the grant that took it away.
func (b *Broker) shrink(g *member) {
	m := &g.Memory
	if g.Phase != PhaseRunning || m.Moving != MovingNot {
		return
	}
	goal, why := m.Target, g.why
	if m.Target < b.stated(&g.Guest) {
		goal, why = max(m.Target, min(b.stated(&g.Guest), m.Promises.upper())), g.whyApplied
	}
	if m.Grow.waits(b.s.Now) && m.Seen < m.Asked && m.Op == 0 && m.Seen < goal {
		goal, why = m.Seen, func() string { return "hand back what could not be plugged" }
	}
	above := m.Op == 0 && m.Upper > m.Asked
	if goal > m.Asked || (goal == m.Asked && !above) || m.Shrink.waits(b.s.Now) {
		return
	}
	b.resize(g, goal, why())
}

// stated is the size that the guest itself wants, whatever it may have: it makes do with less only when it was
// told to.
func (b *Broker) stated(g *Guest) int64 {
	if g.Demand.Revision == 0 {
		return g.Memory.Want
	}
	return roundUp(clamp(int64(min(g.Demand.Memory, maxMemory)), g.Bounds.Min, maxMemory), g.Bounds.Boot, b.cfg.Block)
}

// canGrow reports whether the guest should have more than its device was asked for, and only room is missing.
func (b *Broker) canGrow(g *member) bool {
	m := &g.Memory
	return g.Phase == PhaseRunning && m.Moving == MovingNot && m.Target > m.Asked && !m.Grow.waits(b.s.Now) && !m.Owing.frozen() && !g.shrinking()
}

// shrinking reports whether a shrink is under way that is better left to end. A guest whose needs rise again while it
// gives back a lot would replace one resize by the next, and the ledger would not hear of any; its memory comes back
// to it as soon as this one is answered. Who cannot wait does not.
func (g *Guest) shrinking() bool {
	m := &g.Memory
	return m.Op != 0 && m.Upper > m.Asked && m.Target <= m.Upper && g.Demand.Urgency < hvcall.UrgencySoon
}

// growAll gives free room to those who want it, in the order of their urgency. One that nothing happened to
// was looked at before, so it matters only where there is room now.
func (b *Broker) growAll() {
	for _, g := range b.touched {
		if b.canGrow(g) {
			b.hungry.put(g)
			continue
		}
		b.hungry.remove(g)
		b.grow(g) // it may have to ask again for what is in the ledger already
	}
	var aside []*member
	for b.free >= b.cfg.Block && b.hungry.Len() > 0 {
		g := b.hungry.first()
		b.hungry.remove(g)
		b.grow(g)
		if b.touch(g); b.canGrow(g) && !g.Memory.Bucket.waits(b.s.Now) {
			aside = append(aside, g)
		}
	}
	for _, g := range b.touched {
		if g.hungry > 0 {
			b.grow(g)
			if !b.canGrow(g) {
				b.hungry.remove(g)
			}
		}
	}
	for _, g := range aside {
		b.hungry.put(g)
	}
}

// grow asks for memory that the guest wants, as far as there is room for it in the ledger. A size
// that is in the ledger already needs no room.
func (b *Broker) grow(g *member) {
	m := &g.Memory
	if g.Phase != PhaseRunning || m.Moving != MovingNot || m.Target < m.Asked || m.Grow.waits(b.s.Now) || m.Owing.frozen() || g.shrinking() {
		return
	}
	goal := min(m.Target, roundDown(m.Upper+b.allowance(g), g.Bounds.Boot, b.cfg.Block))
	below := m.Op == 0 && m.Firm < m.Asked
	if goal < m.Asked || (goal == m.Asked && !below) {
		return
	}
	b.spend(g, goal-m.Upper)
	b.resize(g, goal, g.why())
}

// why says on whose behalf memory is moved when nothing else does.
func (g *Guest) why() string {
	if g.Demand.Revision == 0 {
		return "guaranteed"
	}
	return fmt.Sprintf("demand %d, %s", g.Demand.Revision, g.Demand.Reason)
}

func (g *Guest) whyApplied() string { return fmt.Sprintf("grant %d applied", g.Applied) }

func (b *Broker) resize(g *member, total int64, why string) {
	m := &g.Memory
	b.s.LastOp++
	m.Op, m.Asked = b.s.LastOp, total
	before := m.Upper
	m.Interval = m.Interval.ask(total)
	b.free -= m.Upper - before
	b.do(Resize{Guest: g.ID, Op: m.Op, Total: total, Why: why})
}

// memoryLimit says what stands against more memory.
func (b *Broker) memoryLimit(g *Guest) hvcall.Limit {
	m := &g.Memory
	switch {
	case m.Target < b.stated(g) && m.Target < m.Asked:
		return hvcall.LimitReclaim
	case m.Target < m.Want:
		return hvcall.LimitHost
	case m.Seen < m.Target && m.Grow.waits(b.s.Now):
		return hvcall.LimitPlug
	case m.Asked < m.Target && m.Op == 0:
		return hvcall.LimitHost
	case g.Demand.Memory > uint64(g.Bounds.Max):
		return hvcall.LimitMaximum
	}
	return hvcall.LimitNone
}
