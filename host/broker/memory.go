package broker

import (
	"fmt"
	"slices"

	"github.com/silo-os/silo/hvcall"
)

// shareMemory sets every guest's target. Boot memory cannot be taken back, so only what is above
// it is shared, in whole blocks.
func (b *Broker) shareMemory() {
	avail := b.s.Capacity.usable()
	claims := make([]claim, len(b.s.Guests))
	for i, g := range b.s.Guests {
		m, boot := &g.Memory, g.Bounds.Boot
		avail -= boot
		low := max(g.Bounds.Min, min(m.Floor, m.Firm))
		claims[i] = claim{low: (low - boot) / b.cfg.Block, want: (m.Want - boot) / b.cfg.Block, weight: int64(g.Bounds.Weight)}
	}
	for i, units := range share(max(0, avail)/b.cfg.Block, claims) {
		g := b.s.Guests[i]
		g.Memory.Target = g.Bounds.Boot + units*b.cfg.Block
	}
}

// shrink asks for memory back that the guest can do without: by its own demand, or because it
// applied the grant that took it away.
func (b *Broker) shrink(g *Guest) {
	m := &g.Memory
	if g.Phase != PhaseRunning {
		return
	}
	goal, why := m.Target, g.why()
	if m.Target < m.Want {
		goal, why = max(m.Target, g.consent()), fmt.Sprintf("grant %d applied", g.Applied)
	}
	if m.Grow.waits(b.s.Now) && m.Seen < m.Asked && m.Op == 0 && m.Seen < goal {
		goal, why = m.Seen, "hand back what could not be plugged"
	}
	above := m.Op == 0 && m.Upper > m.Asked
	if goal > m.Asked || (goal == m.Asked && !above) || m.Shrink.waits(b.s.Now) {
		return
	}
	b.resize(g, goal, why)
}

// consent is the size that the guest has agreed to live with: what it wants, or the most of what it
// may still believe to be granted.
func (g *Guest) consent() int64 { return min(g.Memory.Want, g.Memory.Promises.upper()) }

// grow asks for memory that the guest wants, as far as there is room for it in the ledger. A size
// that is in the ledger already needs no room.
func (b *Broker) grow(g *Guest) {
	m := &g.Memory
	if g.Phase != PhaseRunning || m.Target < m.Asked || m.Grow.waits(b.s.Now) {
		return
	}
	room := m.Upper + max(0, b.free)
	goal := min(m.Target, roundDown(room, g.Bounds.Boot, b.cfg.Block))
	below := m.Op == 0 && m.Firm < m.Asked
	if goal < m.Asked || (goal == m.Asked && !below) {
		return
	}
	b.resize(g, goal, g.why())
}

// why says on whose behalf memory is moved when nothing else does.
func (g *Guest) why() string {
	if g.Demand.Revision == 0 {
		return "guaranteed"
	}
	return fmt.Sprintf("demand %d, %s", g.Demand.Revision, g.Demand.Reason)
}

func (b *Broker) resize(g *Guest, total int64, why string) {
	m := &g.Memory
	b.s.LastOp++
	m.Op, m.Asked = b.s.LastOp, total
	before := m.Upper
	m.Interval = m.Interval.ask(total)
	b.free -= m.Upper - before
	b.do(Resize{Guest: g.ID, Op: m.Op, Total: total, Why: why})
}

// byUrgency lists the guests in the order in which they may take free room: the stalled first, then
// the older first.
func (b *Broker) byUrgency() []*Guest {
	gs := slices.Clone(b.s.Guests)
	slices.SortStableFunc(gs, func(x, y *Guest) int { return int(y.Demand.Urgency) - int(x.Demand.Urgency) })
	return gs
}

// memoryLimit says what stands against more memory.
func (b *Broker) memoryLimit(g *Guest) hvcall.Limit {
	m := &g.Memory
	switch {
	case m.Target < m.Want && m.Target < m.Asked:
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
