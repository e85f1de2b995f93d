package broker

import "github.com/silo-os/silo/hvcall"

// Adopted says that a guest runs already: another broker of this host admitted it and has ended. It is in the ledger
// from then on, with the most it may hold, even where that is more than there is: what is taken cannot be refused. It
// waits for [Connected] like a guest that boots, and until it states a demand it is taken to want what it holds.
type Adopted struct {
	Guest  GuestID
	Bounds Bounds
	// Plugged is what its device holds, and Requested what the device was last asked for, bytes; one that is on its
	// way ends at the latter.
	Plugged, Requested int64
	// Serial is more than that of any grant it was ever sent, and at least 2. It is that of the first grant it is sent.
	Serial uint64
}

// About is the guest that it happened to.
func (e Adopted) About() GuestID { return e.Guest }

func (b *Broker) adopted(e Adopted) {
	bounds, err := e.Bounds.normal(b.cfg.Block)
	if err != nil || b.index[e.Guest] != nil {
		b.note(e.Guest, "not adopted: here already, or with bounds that make no sense")
		return
	}
	plugged, requested := clamp(e.Plugged, bounds.Boot, maxMemory), clamp(e.Requested, bounds.Boot, maxMemory)
	low, high := min(plugged, requested), max(plugged, requested)
	g := Guest{ID: e.Guest, Bounds: bounds, Phase: PhaseBooting, Applied: e.Serial - 1}
	g.Memory.Interval = Interval{Firm: low, Upper: high}
	g.Memory.Asked, g.Memory.Seen = requested, plugged
	g.Memory.Want, g.Memory.Floor = roundUp(clamp(high, bounds.Min, bounds.Max), bounds.Boot, b.cfg.Block), bounds.Min
	g.Memory.Promises = Promises{}.add(Promise{e.Serial - 1, high}).add(Promise{e.Serial, low})
	g.Memory.Bucket = Bucket{Tokens: b.burst(), At: b.s.Now}
	// What it was granted of vCPUs nobody knows: it holds all it ever may until it says that it applied less.
	g.CPU.Want, g.CPU.Granted = bounds.MinMilli, bounds.MinMilli
	g.CPU.Promises = Promises{}.add(Promise{e.Serial - 1, bounds.MaxMilli}).add(Promise{e.Serial, bounds.MinMilli})
	g.Grant = hvcall.Grant{Serial: e.Serial, Memory: uint64(low), MilliCPU: uint32(bounds.MinMilli)}
	b.join(g)
}
