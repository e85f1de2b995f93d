package broker

import "fmt"

// added takes a guest in or refuses it for good. What is guaranteed to all guests together must fit
// the host; that it is free at this moment is not needed.
func (b *Broker) added(e GuestAdded) {
	if b.index[e.Guest] != nil {
		b.do(Refuse{Guest: e.Guest, Why: "a guest of this name is here already"})
		return
	}
	bounds, err := e.Bounds.normal(b.cfg.Block)
	if err == nil {
		err = b.fits(bounds, Bounds{})
	}
	if err != nil {
		b.do(Refuse{Guest: e.Guest, Why: err.Error()})
		return
	}
	g := Guest{ID: e.Guest, Bounds: bounds, Phase: PhaseWaiting}
	g.Memory.Want, g.Memory.Floor = bounds.Min, bounds.Min
	g.CPU.Want = bounds.MinMilli
	b.join(g)
}

// fits reports whether what is to be guaranteed can be, in place of what was.
func (b *Broker) fits(n, was Bounds) error {
	memory := b.s.Capacity.usable() - b.sum.min + was.Min
	milli := b.s.Capacity.MilliCPU - b.sum.minMilli + was.MinMilli
	if n.Min > memory {
		return fmt.Errorf("%s are to be guaranteed, the host has %s not yet guaranteed to others", size(n.Min), size(max(0, memory)))
	}
	if n.MinMilli > milli {
		return fmt.Errorf("%d mCPU are to be guaranteed, the host has %d mCPU not yet guaranteed to others", n.MinMilli, max(0, milli))
	}
	return nil
}

// admit lets guests boot for which there is room now, oldest first. While one waits those behind it
// wait too, or a large guest would never start.
func (b *Broker) admit() {
	for len(b.waiting) > 0 {
		g := b.waiting[0]
		boot, milli := g.Bounds.Boot, g.Bounds.MinMilli
		if boot > b.free || milli > b.freeMilli {
			return
		}
		b.waiting = b.waiting[1:]
		b.free -= boot
		b.freeMilli -= milli
		g.Phase = PhaseBooting
		g.Memory.Interval = Interval{Firm: boot, Upper: boot}
		g.Memory.Asked, g.Memory.Seen = boot, boot
		g.Memory.Promises = Promises{{Amount: boot}}
		g.Memory.Bucket = Bucket{Tokens: b.burst(), At: b.s.Now}
		g.CPU.Granted = milli
		g.CPU.Promises = Promises{{Amount: milli}}
		b.account(g)
		b.touch(g)
		b.do(Admit{Guest: g.ID})
	}
}
