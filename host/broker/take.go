package broker

// take notes what an event says. It decides nothing: the plan does.
func (b *Broker) take(e Event) {
	switch e := e.(type) {
	case GuestAdded:
		b.added(e)
		return
	case Adopted:
		b.adopted(e)
		return
	case Reserve:
		b.reserve(e)
		return
	case CapacityChanged:
		b.s.Capacity = e.Capacity.normal()
		return
	case PeerSeen:
		b.peerSeen(e)
		return
	}
	g := b.index[e.About()]
	if g == nil {
		b.note(e.About(), "%T from a guest that is not here", e)
		return
	}
	b.takeOf(g, e)
	if b.index[g.ID] == g {
		b.account(g)
		b.touch(g)
	}
}

// takeOf notes what an event says of a guest that is here.
func (b *Broker) takeOf(g *member, e Event) {
	switch e := e.(type) {
	case Connected:
		if g.Phase == PhaseWaiting || g.Memory.Moving == MovingComing {
			b.note(g.ID, "hello before it was admitted ignored")
			return
		}
		g.Phase = PhaseRunning
		g.Remind = Retry{At: b.s.Now, Wait: b.cfg.Within} // due at once: say again what it may hold
	case Demanded:
		b.demanded(g, e)
	case BoundsChanged:
		b.boundsChanged(g, e)
	case Used:
		b.used(g, e)
	case Arrived:
		b.arrived(g, e)
	case Freeze:
		if g.Phase == PhaseRunning {
			g.Memory.Moving = MovingFrozen
		}
	case Thaw:
		if g.Memory.Moving != MovingComing {
			g.Memory.Moving = MovingNot
		}
	case Applied:
		b.applied(g, e.Serial)
	case Misbehaved:
		b.misbehaved(g, e)
	case Ran:
		g.CPU.Load = g.CPU.Load.ran(b.s.Now, g.CPU.Granted, e, b.cfg.Within, b.cfg.RetryMost)
	case Plugged:
		b.plugged(g, e)
	case Plugging:
		b.plugging(g, e)
	case ResizeFailed:
		b.resizeFailed(g, e)
	case GuestGone:
		b.leave(g)
	}
}

// demanded takes a demand that is newer than the one before. The newest is complete, so older ones
// are worth nothing, and one that comes again has nothing to add.
func (b *Broker) demanded(g *member, e Demanded) {
	d := e.Demand
	if g.Phase != PhaseRunning {
		b.note(g.ID, "demand %d before hello ignored", d.Revision)
		return
	}
	if d.Revision <= g.Demand.Revision {
		if d.Revision < g.Demand.Revision {
			b.note(g.ID, "demand %d ignored, %d is newer", d.Revision, g.Demand.Revision)
		}
		return
	}
	g.Demand = d
	before, milli := g.Memory.Want, g.CPU.Want
	b.want(g)
	if g.Memory.Want < before {
		g.Memory.Shrink = Retry{} // it freed more: what could not be unplugged before may go now
	}
	if g.CPU.Want > milli {
		g.CPU.Load = g.CPU.Load.woken()
	}
	b.applied(g, d.Applied)
}

// want works out what a guest wants, and its floor, within its bounds.
func (b *Broker) want(g *member) {
	m, c, d, bounds := &g.Memory, &g.CPU, g.Demand, g.Bounds
	m.Want, m.Floor, c.Want = bounds.Min, bounds.Min, bounds.MinMilli
	if d.Revision == 0 {
		return
	}
	m.Want = roundUp(clamp(int64(min(d.Memory, maxMemory)), bounds.Min, bounds.Max), bounds.Boot, b.cfg.Block)
	m.Floor = roundUp(clamp(int64(min(d.Floor, maxMemory)), bounds.Min, m.Want), bounds.Boot, b.cfg.Block)
	c.Want = clamp(int64(d.MilliCPU), bounds.MinMilli, bounds.MaxMilli)
}

// used takes a report of what a guest leaves idle.
func (b *Broker) used(g *member, e Used) {
	m := &g.Memory
	idle := clamp(e.Idle, 0, maxMemory)
	if e.Resident >= 0 {
		idle = max(idle, m.Firm-e.Resident)
	}
	m.Use = m.Use.step(b.s.Now, idle, m.Firm)
}

// applied takes a guest's word that it acts upon a grant. The word only allows the broker to ask
// for the memory; it leaves the ledger when the device says so.
func (b *Broker) applied(g *member, serial uint64) {
	if serial > g.Grant.Serial {
		b.note(g.ID, "claims to have applied grant %d, the newest is %d", serial, g.Grant.Serial)
		return
	}
	if serial <= g.Applied {
		return
	}
	g.Applied = serial
	g.Memory.Promises = g.Memory.Promises.applied(serial)
	g.CPU.Promises = g.CPU.Promises.applied(serial)
	if serial == g.Grant.Serial {
		g.Remind = Retry{}
	}
}

// plugging takes in what has come already. The upper end stays: until the resize is answered the
// device may still be on its way from anywhere.
func (b *Broker) plugging(g *member, e Plugging) {
	m := &g.Memory
	if e.Op != m.Op || m.Op == 0 {
		return
	}
	m.Seen = clamp(e.Total, g.Bounds.Boot, m.Upper)
	m.Firm = max(m.Firm, min(m.Seen, m.Asked))
}

func (b *Broker) plugged(g *member, e Plugged) {
	m := &g.Memory
	if e.Op != m.Op || m.Op == 0 {
		b.note(g.ID, "answer to resize #%d ignored, under way is #%d", e.Op, m.Op)
		return
	}
	before := m.Seen
	m.Op, m.Fault = 0, ""
	m.Seen = clamp(e.Total, g.Bounds.Boot, maxMemory)
	m.Interval = answered(m.Asked, m.Seen)
	b.judge(g, before)
}

// judge compares what the device says with what it said before. No progress towards the size asked
// for means waiting; so does going the other way. Where the device stood on the other side before,
// one answer shows no direction yet and the plan asks again at once.
func (b *Broker) judge(g *member, before int64) {
	m := &g.Memory
	switch {
	case m.Seen == m.Asked && before < m.Asked:
		m.Grow = Retry{}
	case m.Seen == m.Asked && before > m.Asked:
		m.Shrink = Retry{}
	case m.Seen < m.Asked && before <= m.Asked && m.Seen <= before:
		m.Grow = m.Grow.failed(b.s.Now, b.cfg.RetryLeast, b.cfg.RetryMost)
		b.note(g.ID, "plugged %s of %s and no more, next attempt at %v", size(m.Seen), size(m.Asked), m.Grow.At)
	case m.Seen > m.Asked && before >= m.Asked && m.Seen >= before:
		m.Shrink = m.Shrink.failed(b.s.Now, b.cfg.RetryLeast, b.cfg.RetryMost)
		b.note(g.ID, "%s of %s cannot be unplugged, next attempt at %v", size(m.Seen-m.Asked), size(m.Seen), m.Shrink.At)
	}
}

// resizeFailed leaves the interval as wide as it is: nobody knows how far the resize came. Both
// directions wait, or a device that is broken would be asked in a circle.
func (b *Broker) resizeFailed(g *member, e ResizeFailed) {
	m := &g.Memory
	if e.Op != m.Op || m.Op == 0 {
		b.note(g.ID, "failure of resize #%d ignored, under way is #%d", e.Op, m.Op)
		return
	}
	m.Op, m.Fault = 0, e.Err
	m.Grow = m.Grow.failed(b.s.Now, b.cfg.RetryLeast, b.cfg.RetryMost)
	m.Shrink = m.Shrink.failed(b.s.Now, b.cfg.RetryLeast, b.cfg.RetryMost)
	b.note(g.ID, "resize #%d failed: %s, next attempt at %v", e.Op, e.Err, min(m.Grow.At, m.Shrink.At))
}

func clamp(v, low, high int64) int64 { return max(low, min(v, high)) }
