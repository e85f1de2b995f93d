package broker

import (
	"fmt"

	"github.com/silo-os/silo/hvcall"
)

// Reserve asks for the room that a guest needs which is to come from another host. It is answered at once, by [Admit] or
// [Refuse]: the other host does not wait. From then on Memory is in the ledger, and the guest is [Moving] until it has [Arrived] or
// is gone.
type Reserve struct {
	Guest  GuestID
	Bounds Bounds
	Memory int64 // the most it may hold when it comes, bytes
}

// Arrived says that a guest for which room was reserved runs here now; the fields are those of [Adopted]. MilliCPU is the most it was
// granted where it came from.
type Arrived struct {
	Guest              GuestID
	Plugged, Requested int64
	MilliCPU           int64
	Serial             uint64
}

// Freeze has a guest's device told nothing more, because it is about to be copied to another host. A [Resize] that is under
// way is still to be answered. [Thaw] ends it.
type Freeze struct{ Guest GuestID }

// Thaw says that a guest stays, after all.
type Thaw struct{ Guest GuestID }

// About is the guest that it happened to.
func (e Reserve) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Arrived) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Freeze) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Thaw) About() GuestID { return e.Guest }

// Burst says that a guest whose size is frozen needs memory at once that this host has: moving it is no help to it. It is
// said once for each Freeze.
type Burst struct {
	Guest GuestID
	Needs int64 // bytes
}

// About is the guest that it is for.
func (a Burst) About() GuestID { return a.Guest }

// String is the action's line in a trace.
func (a Burst) String() string {
	return fmt.Sprintf("burst %s: it needs %s while its size is frozen", a.Guest, size(a.Needs))
}

// Moving is whether a guest is on its way between two hosts.
//
//	""        it is not
//	coming    room is reserved for it here; it runs elsewhere    moved on by Arrived
//	frozen    it runs here and its size stays what it is         moved on by Thaw, or GuestGone
//	burst     the same, and there was a Burst                    likewise
type Moving string

// The states of a move.
const (
	MovingNot    Moving = ""
	MovingComing Moving = "coming"
	MovingFrozen Moving = "frozen"
	MovingBurst  Moving = "burst"
)

// reserve takes a guest in that is to come, if there is room for it now.
func (b *Broker) reserve(e Reserve) {
	bounds, err := e.Bounds.normal(b.cfg.Block)
	if err == nil {
		err = b.hasRoom(e, bounds)
	}
	if err != nil {
		b.do(Refuse{Guest: e.Guest, Why: err.Error()})
		return
	}
	memory := roundUp(clamp(e.Memory, bounds.Boot, bounds.Max), bounds.Boot, b.cfg.Block)
	g := Guest{ID: e.Guest, Bounds: bounds, Phase: PhaseBooting}
	m, c := &g.Memory, &g.CPU
	m.Moving = MovingComing
	m.Interval = Interval{Firm: bounds.Boot, Upper: memory}
	m.Asked, m.Seen = memory, bounds.Boot
	m.Want, m.Floor = max(memory, bounds.Min), bounds.Min
	m.Promises = Promises{{Amount: memory}}
	m.Bucket = Bucket{Tokens: b.burst(), At: b.s.Now}
	c.Want, c.Granted = bounds.MinMilli, bounds.MinMilli
	c.Promises = Promises{{Amount: bounds.MinMilli}}
	b.join(g)
	b.do(Admit{Guest: e.Guest})
}

// hasRoom says why a guest cannot come now.
func (b *Broker) hasRoom(e Reserve, bounds Bounds) error {
	free, milli := b.s.Capacity.usable()-b.sum.upper, b.s.Capacity.MilliCPU-b.sum.milli
	switch {
	case b.index[e.Guest] != nil:
		return fmt.Errorf("a guest of this name is here already")
	case len(b.waiting) > 0:
		return fmt.Errorf("guests wait here for room to boot")
	case roundUp(clamp(e.Memory, bounds.Boot, bounds.Max), bounds.Boot, b.cfg.Block) > free:
		return fmt.Errorf("it holds %s, and %s are free", size(e.Memory), size(max(0, free)))
	case bounds.MinMilli > milli:
		return fmt.Errorf("it is guaranteed %d mCPU, and %d mCPU are free", bounds.MinMilli, max(0, milli))
	}
	return b.fits(bounds, Bounds{})
}

// arrived has a guest that came be one that another broker of this host ran before.
func (b *Broker) arrived(g *member, e Arrived) {
	m, c := &g.Memory, &g.CPU
	if m.Moving != MovingComing {
		b.note(g.ID, "arrived, and was not expected")
		return
	}
	plugged, requested := clamp(e.Plugged, g.Bounds.Boot, m.Upper), clamp(e.Requested, g.Bounds.Boot, m.Upper)
	low, high := min(plugged, requested), max(plugged, requested)
	m.Moving, m.Interval = MovingNot, Interval{Firm: low, Upper: high}
	m.Asked, m.Seen = requested, plugged
	m.Want = roundUp(clamp(high, g.Bounds.Min, g.Bounds.Max), g.Bounds.Boot, b.cfg.Block)
	m.Promises = Promises{}.add(Promise{e.Serial - 1, high}).add(Promise{e.Serial, low})
	most := clamp(e.MilliCPU, g.Bounds.MinMilli, g.Bounds.MaxMilli)
	c.Promises = Promises{}.add(Promise{e.Serial - 1, most}).add(Promise{e.Serial, g.Bounds.MinMilli})
	g.Applied = e.Serial - 1
	g.Grant = hvcall.Grant{Serial: e.Serial, Memory: uint64(low), MilliCPU: uint32(g.Bounds.MinMilli)}
}

// burstSlack is how much more than it holds a frozen guest may want, beside a quarter of what it holds, before it counts
// as a burst although nothing of it waits.
const burstSlack = 32 << 20

// watchBurst sees whether a frozen guest is better off here.
func (b *Broker) watchBurst(g *member) {
	m := &g.Memory
	need := m.Target - m.Upper
	if m.Moving != MovingFrozen || need <= 0 || b.free < need {
		return
	}
	if g.Demand.Urgency == hvcall.UrgencyStalled || need > burstSlack+m.Upper/4 {
		m.Moving = MovingBurst
		b.do(Burst{Guest: g.ID, Needs: need})
	}
}
