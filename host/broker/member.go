package broker

// member is a guest with what the broker works out from it again after a restart. None of it is in the dump.
type member struct {
	Guest
	at      int   // its place among the members, oldest first
	booked  tally // what b.sum has of it
	touched bool  // it is in b.touched: the plan has to look at it
	killed  bool  // it was said that it is to be killed

	due     int // its places in the queues below, from 1; 0 = not there
	hungry  int
	waitCPU int

	wake wakeTime
}

// tally is what is added up over all members, so that no step has to.
type tally struct {
	upper     int64 // the most memory they may hold, bytes
	milli     int64 // vCPUs they keep from others, thousandths
	boot      int64 // bytes present from boot on
	min       int64 // bytes guaranteed
	minMilli  int64 // thousandths guaranteed
	wants     int64 // bytes that count as wanted
	wantMilli int64 // thousandths that do while there is enough
	weight    int64
	dying     int64 // 1 for each that is to be killed
}

func (t *tally) move(from, to tally) {
	t.upper += to.upper - from.upper
	t.milli += to.milli - from.milli
	t.boot += to.boot - from.boot
	t.min += to.min - from.min
	t.minMilli += to.minMilli - from.minMilli
	t.wants += to.wants - from.wants
	t.wantMilli += to.wantMilli - from.wantMilli
	t.weight += to.weight - from.weight
	t.dying += to.dying - from.dying
}

// tallyOf is what a guest adds to the sums.
func (b *Broker) tallyOf(g *member) tally {
	return tally{
		upper: g.Memory.Upper, milli: g.heldMilli(), boot: g.Bounds.Boot, min: g.Bounds.Min, minMilli: g.Bounds.MinMilli,
		wants: b.counted(&g.Guest), wantMilli: g.wantMilli(false), weight: int64(g.Bounds.Weight), dying: int64(b2i(g.Memory.Owing.Stage == StageDying)),
	}
}

// counted is how much of a guest's wants counts in the price and at the watermark: what it wants beyond its share as
// far as that is not more than its part, by weight, of the whole host. Nobody's fancies make memory dear for all.
func (b *Broker) counted(g *Guest) int64 {
	part := float64(b.s.Capacity.usable()) * float64(g.Bounds.Weight) / float64(max(b.weights, 1))
	return min(g.Memory.Want, max(g.Memory.Target, g.Bounds.Min)+int64(part))
}

// weigh notes the weight of all members together. What counts of their wants depends on it.
func (b *Broker) weigh() {
	if b.weights == b.sum.weight && b.weighed == b.s.Capacity {
		return
	}
	b.weights, b.weighed = b.sum.weight, b.s.Capacity
	for _, g := range b.members {
		b.account(g)
	}
}

// account brings the sums and the claims up to date with a member. It follows every change of it.
func (b *Broker) account(g *member) {
	now := b.tallyOf(g)
	b.sum.move(g.booked, now)
	g.booked = now
	b.claimMemory(g)
	b.claimCPU(g)
}

// touch has the plan look at a member.
func (b *Broker) touch(g *member) {
	if !g.touched {
		g.touched = true
		b.touched = append(b.touched, g)
	}
}

func (b *Broker) touchAll() {
	for _, g := range b.members {
		b.touch(g)
	}
}

// join takes a guest in as the youngest.
func (b *Broker) join(g Guest) {
	m := &member{Guest: g, at: len(b.members)}
	b.index[g.ID] = m
	b.members = append(b.members, m)
	b.memory.add()
	b.cpu.add()
	if m.Phase == PhaseWaiting {
		b.waiting = append(b.waiting, m)
	}
	b.account(m)
	b.touch(m)
}

// leave takes a member out.
func (b *Broker) leave(g *member) {
	b.sum.move(g.booked, tally{})
	b.memory.remove(g.at)
	b.cpu.remove(g.at)
	for _, q := range []*queue{&b.timers, &b.hungry, &b.waitCPU} {
		q.remove(g)
	}
	b.members = append(b.members[:g.at], b.members[g.at+1:]...)
	for i := g.at; i < len(b.members); i++ {
		b.members[i].at = i
	}
	b.touched, b.waiting = without(b.touched, g), without(b.waiting, g)
	delete(b.index, g.ID)
}

func without(ms []*member, g *member) []*member {
	kept := ms[:0]
	for _, m := range ms {
		if m != g {
			kept = append(kept, m)
		}
	}
	return kept
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
