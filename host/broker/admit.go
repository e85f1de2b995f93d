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
		err = b.fits(bounds)
	}
	if err != nil {
		b.do(Refuse{Guest: e.Guest, Why: err.Error()})
		return
	}
	g := &Guest{ID: e.Guest, Bounds: bounds, Phase: PhaseWaiting}
	g.Memory.Want, g.Memory.Floor = bounds.Min, bounds.Min
	g.CPU.Want, g.CPU.Floor = bounds.MinMilli, bounds.MinMilli
	b.index[g.ID] = g
	b.s.Guests = append(b.s.Guests, g)
}

func (b *Broker) fits(n Bounds) error {
	memory, milli := b.s.Capacity.usable(), b.s.Capacity.MilliCPU
	for _, g := range b.s.Guests {
		memory -= g.Bounds.Min
		milli -= g.Bounds.MinMilli
	}
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
	for _, g := range b.s.Guests {
		if g.Phase != PhaseWaiting {
			continue
		}
		boot, milli := g.Bounds.Boot, g.Bounds.MinMilli
		if boot > b.free || milli > b.freeMilli {
			return
		}
		b.free -= boot
		b.freeMilli -= milli
		g.Phase = PhaseBooting
		g.Memory.Interval = Interval{Firm: boot, Upper: boot}
		g.Memory.Asked, g.Memory.Seen = boot, boot
		g.Memory.Promises = Promises{{Amount: boot}}
		g.CPU.Granted = milli
		g.CPU.Promises = Promises{{Amount: milli}}
		b.do(Admit{Guest: g.ID})
	}
}
