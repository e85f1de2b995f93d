package sim

import (
	"math/rand/v2"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

// Times of guests and devices, as measured on real ones, rounded up.
const (
	tick     = 250 * time.Millisecond // how often a guest looks at its need
	lead     = 500 * time.Millisecond // how far ahead it asks
	margin   = 1.06                   // and how much more than it needs
	settle   = 700 * time.Millisecond // how long it must need less before it says so
	collect  = 300 * time.Millisecond // from a shrink told to applied
	hop      = time.Millisecond       // a message on its way
	plugTime = 2 * time.Millisecond   // the least of any resize
	plugRate = 8 << 30                // bytes plugged in a second
	freeRate = 2 << 30                // bytes unplugged in a second
	block    = 4 << 20
)

// Spec is a kind of guest.
type Spec struct {
	Load   Load
	Manner Manner
	Weight uint32 // 0 = 100
}

// guest is one simulated guest with its device.
type guest struct {
	Spec
	id     broker.GuestID
	bounds broker.Bounds
	need   need

	gone    bool
	plugged int64 // in the device
	op      uint64
	way     way
	using   hvcall.Grant // applied
	used    int64        // touched, bytes
	said    hvcall.Demand
	history []broker.Event

	ticks  int
	before int64 // the need at the tick before
	stated int64
	since  time.Duration
}

func newGuest(r *rand.Rand, id broker.GuestID, spec Spec, bounds broker.Bounds) *guest {
	bounds.Weight = spec.Weight
	return &guest{Spec: spec, id: id, bounds: bounds, need: drawNeed(r, spec.Load, bounds.Boot, bounds.Max)}
}

// live is a tick: the guest touches what it needs and says what there is to say.
func (g *guest) live(w *World) {
	g.ticks++
	g.touch(w)
	w.later(tick, func() { g.live(w) })
	switch {
	case g.gone || g.Manner == Dead && g.ticks > 1:
		return
	case g.Manner == Byzantine && g.ticks > 1:
		w.step(g.garbage(w.rand)...)
		return
	case g.Manner == Replaying && len(g.history) > 0:
		w.step(g.history[w.rand.IntN(len(g.history))])
	}
	if d := g.demand(w); d != g.said {
		d.Revision, d.Applied = g.said.Revision+1, g.using.Serial
		g.tell(w, broker.Demanded{Guest: g.id, Demand: d})
		d.Revision, d.Applied = g.said.Revision+1, 0
		g.said = d
	}
	if g.ticks%4 == 0 {
		g.tell(w, broker.Used{Guest: g.id, Idle: g.idle(), Resident: g.resident()})
	}
}

func (g *guest) tell(w *World, e broker.Event) {
	if g.Manner == Replaying && len(g.history) < 100 {
		g.history = append(g.history, e)
	}
	w.step(e)
}

// touch has the guest use what it needs and may use.
func (g *guest) touch(w *World) { g.used = min(g.need.at(w.now), int64(g.using.Memory), g.plugged) }

// resident is what the host measures. A guest that refuses has touched all; one that lies has not.
func (g *guest) resident() int64 {
	if g.Manner == Refusing {
		return g.plugged
	}
	return g.used
}

// hear takes a grant as it comes in.
func (g *guest) hear(w *World, n hvcall.Grant) {
	if n.Serial < g.using.Serial || g.gone {
		return
	}
	if n.Memory >= g.using.Memory {
		g.apply(w, n)
	} else if g.Manner.shrinks() {
		w.later(collect, func() { g.apply(w, n) })
	}
}

func (g *guest) apply(w *World, n hvcall.Grant) {
	if n.Serial <= g.using.Serial || g.gone {
		return
	}
	g.using = n
	g.touch(w)
	if g.Manner != Dead && g.Manner != Byzantine {
		g.tell(w, broker.Applied{Guest: g.id, Serial: n.Serial})
	}
}

// resize has the device move. Where it was on its way already it goes on from where it is.
func (g *guest) resize(w *World, a broker.Resize) {
	g.move(w, g.way.at(w.now))
	moves, rate := a.Total-g.plugged, int64(plugRate)
	if moves < 0 {
		moves, rate = -moves, freeRate
	}
	g.op = a.Op
	g.way = way{from: g.plugged, to: a.Total, start: w.now, took: plugTime + time.Duration(float64(moves)/float64(rate)*float64(time.Second))}
	w.later(g.way.took, func() {
		if g.op == a.Op && !g.gone {
			g.move(w, a.Total)
			g.op, g.way = 0, way{from: g.plugged, to: g.plugged}
			w.step(broker.Plugged{Guest: g.id, Op: a.Op, Total: g.plugged})
		}
	})
}

// move brings the device to a size. What the guest still holds does not leave.
func (g *guest) move(w *World, to int64) {
	if to < g.plugged {
		least := g.bounds.Boot + max(0, g.used-g.bounds.Boot+block-1)/block*block
		if !g.Manner.shrinks() {
			least = g.plugged
		}
		to = min(max(to, least), g.plugged)
	}
	w.held += to - g.plugged
	g.plugged = to
}

// way is a device on its way from one size to another.
type way struct {
	from, to    int64
	start, took time.Duration
}

// at is how far it has come, in whole blocks.
func (v way) at(now time.Duration) int64 {
	if v.took == 0 || now >= v.start+v.took {
		return v.to
	}
	part := float64(now-v.start) / float64(v.took)
	return v.from + int64(float64(v.to-v.from)*part)/block*block
}
