package broker

// member is a guest with what the broker works out from it again after a restart. None of it is in the dump.
type member struct {
	Guest
	at      int   // its place among the members, oldest first
	booked  tally // what b.sum has of it
	touched bool  // it is in b.touched: the plan has to look at it

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
	t.dying += to.dying - from.dying
}

// tally is what the guest adds to the sums.
func (g *Guest) tally() tally {
	return tally{
		upper: g.Memory.Upper, milli: g.heldMilli(), boot: g.Bounds.Boot, min: g.Bounds.Min, minMilli: g.Bounds.MinMilli,
		wants: g.counted(), wantMilli: g.wantMilli(false), dying: int64(b2i(g.Memory.Owing.Stage == StageDying)),
	}
}

// counted is how much of the guest's wants counts in the price and at the watermark: a want far beyond its share
// must not make memory dearer for others without end.
func (g *Guest) counted() int64 { return min(g.Memory.Want, 2*max(g.Memory.Target, g.Bounds.Min)) }

// account brings the sums and the claims up to date with a member. It follows every change of it.
func (b *Broker) account(g *member) {
	now := g.tally()
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
