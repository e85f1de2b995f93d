package sim

import (
	"math/rand/v2"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

// Manner is how a guest deals with its host.
type Manner string

// The manners there are.
const (
	Honest    Manner = "honest"    // states what it needs and does as it is told
	Liar      Manner = "liar"      // states many times what it needs as need, floor and emergency, and that it uses all
	Hoarder   Manner = "hoarder"   // asks for all it may have and leaves it idle
	Flapper   Manner = "flapper"   // asks for all, for nothing, for all
	Dead      Manner = "dead"      // says hello and its first demand, and nothing more
	Refusing  Manner = "refusing"  // takes and never gives back
	Replaying Manner = "replaying" // honest, and says everything it ever said over and over
	Byzantine Manner = "byzantine" // sends random bytes, often in the form of a message
)

// Manners are all of them.
var Manners = []Manner{Honest, Liar, Hoarder, Flapper, Dead, Refusing, Replaying, Byzantine}

// shrinks reports whether the guest does with less when it is told to.
func (m Manner) shrinks() bool { return m != Refusing && m != Dead && m != Byzantine }

// demand is what the guest states at a tick.
func (g *guest) demand(w *World) hvcall.Demand {
	d := g.honestDemand(w)
	most := uint64(g.bounds.Max)
	switch g.Manner {
	case Liar:
		d.Memory, d.Urgency, d.MilliCPU = min(8*d.Memory, most), hvcall.UrgencyStalled, uint32(g.bounds.MaxMilli)
		d.Floor, d.MilliCPUFloor = d.Memory, d.MilliCPU
	case Hoarder, Refusing:
		d.Memory = most
	case Flapper:
		d.Memory = most * uint64(g.ticks%2)
		d.Floor = min(d.Floor, d.Memory)
	}
	return d
}

// honestDemand is what an honest guest states: its need with a margin, and where it is going; more at once, less when
// it has needed less for a while.
func (g *guest) honestDemand(w *World) hvcall.Demand {
	need := g.need.at(w.now)
	ahead := max(0, need-g.before) * int64(lead/tick)
	if ahead > need/4 { // a jump is no trend
		ahead = 0
	}
	g.before = need
	want := int64(float64(need+ahead) * margin)
	if want >= g.stated-g.stated/8 {
		g.since = w.now
	}
	if want > g.stated || w.now-g.since >= settle {
		g.stated, g.since = want, w.now
	}
	floor := need / 2
	if g.Load == Greedy { // a cache can live with little
		floor = need / 8
	}
	d := hvcall.Demand{Memory: uint64(g.stated), Floor: uint64(min(floor, g.stated)), Urgency: hvcall.UrgencyAhead, MilliCPU: 500}
	if need > int64(g.using.Memory) {
		d.Urgency = hvcall.UrgencyStalled
	}
	return d
}

// idle is what the guest says that nobody in it uses.
func (g *guest) idle() int64 {
	switch g.Manner {
	case Liar, Refusing:
		return 0
	}
	return max(0, int64(g.using.Memory)-g.used)
}

// garbage is what a byzantine guest sends, through the decoders that guard the host.
func (g *guest) garbage(r *rand.Rand) []broker.Event {
	b := make([]byte, 56)
	for i := range b {
		if r.IntN(3) == 0 {
			b[i] = byte(r.Uint32())
		}
	}
	for _, i := range []int{14, 15, 22, 23, 30, 31, 34, 35, 38, 39, 50, 51, 52, 53, 54, 55} {
		b[i] = 0 // or hardly anything would pass
	}
	b[48], b[49] = b[48]%5, b[49]%10
	d, err := hvcall.DecodeDemand(b)
	if err != nil {
		return []broker.Event{broker.Misbehaved{Guest: g.id, Why: err.Error()}}
	}
	return []broker.Event{
		broker.Demanded{Guest: g.id, Demand: d}, broker.Applied{Guest: g.id, Serial: r.Uint64()},
		broker.Connected{Guest: g.id}, broker.Used{Guest: g.id, Idle: int64(r.Uint64() >> 14), Resident: -1},
	}
}
