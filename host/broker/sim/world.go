package sim

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/silo-os/silo/host/broker"
)

// Config describes a world. The zero value has 100 honest guests with room for all.
type Config struct {
	Guests    int     // 0 = 100
	Seed      uint64  // of all that is random
	Pressure  float64 // mean need of all guests as a part of what there is; 0 = 0.5
	Specs     []Spec  // dealt in turn; nil = the honest loads
	Trace     func(now time.Duration, a broker.Action)
	Unchecked bool // do not check every step: for measuring how fast steps are
}

// HonestSpecs are the honest loads.
var HonestSpecs = []Spec{{Load: Steady, Manner: Honest}, {Load: Diurnal, Manner: Honest}, {Load: Bursty, Manner: Honest}, {Load: Ramp, Manner: Honest}}

// World is a host with its guests, in virtual time.
type World struct {
	cfg    Config
	b      *broker.Broker
	usable int64
	rand   *rand.Rand
	guests []*guest
	index  map[broker.GuestID]*guest

	now   time.Duration
	queue happenings
	seq   uint64
	held  int64 // bytes in all devices

	steps   int
	kills   map[Manner]int
	moves   int
	broken  error
	sums    []sums // by guest
	samples int
}

const (
	boot   = 32 << 20
	most   = 1 << 30
	sample = 250 * time.Millisecond // how often the score is taken
)

// New returns a world whose guests start within its first seconds.
func New(cfg Config) *World {
	if cfg.Guests == 0 {
		cfg.Guests = 100
	}
	if cfg.Pressure == 0 {
		cfg.Pressure = 0.5
	}
	if cfg.Specs == nil {
		cfg.Specs = HonestSpecs
	}
	w := &World{
		cfg: cfg, rand: rand.New(rand.NewPCG(cfg.Seed, 0)), index: make(map[broker.GuestID]*guest),
		kills: make(map[Manner]int), sums: make([]sums, cfg.Guests),
	}
	for i := range cfg.Guests {
		g := newGuest(w.rand, broker.GuestID(fmt.Sprint("g", i)), cfg.Specs[i%len(cfg.Specs)],
			broker.Bounds{Boot: boot, Min: boot, Max: most, MinMilli: 200, MaxMilli: 2000})
		w.guests = append(w.guests, g)
		w.index[g.id] = g
		w.later(time.Duration(w.rand.Int64N(int64(2*time.Second))), func() {
			w.step(broker.GuestAdded{Guest: g.id, Bounds: g.bounds})
		})
	}
	w.usable = w.capacity() / block * block
	w.b = broker.New(broker.Config{Capacity: broker.Capacity{Memory: w.usable, MilliCPU: int64(cfg.Guests) * 400}})
	w.later(warmUp, w.sample)
	return w
}

// capacity is what makes the mean need of all guests the configured part of it.
func (w *World) capacity() int64 {
	var mean float64
	const points = 240
	for _, g := range w.guests {
		for i := range points {
			mean += float64(g.need.at(time.Duration(i)*sample)) / points
		}
	}
	return int64(mean / w.cfg.Pressure)
}

// Broker is the world's broker, for those who want to look.
func (w *World) Broker() *broker.Broker { return w.b }

// Steps is how many steps the broker has made.
func (w *World) Steps() int { return w.steps }

// Now is the virtual time.
func (w *World) Now() time.Duration { return w.now }

// ErrBroken is wrapped by what Run returns when an invariant was broken.
var ErrBroken = errors.New("invariant broken")

// Run lets the world go on for so long. It stops at the first broken invariant.
func (w *World) Run(d time.Duration) error {
	for end := w.now + d; w.broken == nil; {
		at, ok := w.next()
		if !ok || at > end {
			w.now = end
			break
		}
		w.now = at
		if len(w.queue) > 0 && w.queue[0].at <= at {
			heap.Pop(&w.queue).(happening).do()
		} else {
			w.step()
		}
	}
	return w.broken
}

// next is when something happens, or the broker wants to be woken.
func (w *World) next() (time.Duration, bool) {
	at, ok := w.b.NextWake()
	if len(w.queue) > 0 && (!ok || w.queue[0].at <= at) {
		return w.queue[0].at, true
	}
	return at, ok
}

// step tells the broker what happened, does as it says and checks that all is as it must be.
func (w *World) step(events ...broker.Event) {
	if w.broken != nil {
		return
	}
	w.steps++
	actions := w.b.Step(w.now, events)
	for _, a := range actions {
		if w.cfg.Trace != nil {
			w.cfg.Trace(w.now, a)
		}
		w.do(a)
	}
	if w.cfg.Unchecked {
		return
	}
	err := w.b.Check()
	if err == nil && w.held > w.usable {
		err = fmt.Errorf("devices hold %d bytes of %d", w.held, w.usable)
	}
	if err != nil {
		w.broken = fmt.Errorf("step %d at %v, after %v: %w: %w", w.steps, w.now, events, ErrBroken, err)
	}
}

// do hands an action to the guest it is for.
func (w *World) do(a broker.Action) {
	g := w.index[a.About()]
	switch a := a.(type) {
	case broker.Admit:
		g.plugged, g.way = boot, way{from: boot, to: boot}
		w.held += boot
		w.later(hop, func() {
			w.step(broker.Connected{Guest: g.id})
			g.live(w)
		})
	case broker.Refuse:
		w.broken = fmt.Errorf("%s was refused: %s: %w", a.Guest, a.Why, ErrBroken)
	case broker.Resize:
		g.resize(w, a)
	case broker.SendGrant:
		w.later(hop, func() { g.hear(w, a.Grant) })
	case broker.ProposeMove:
		w.moves++
	case broker.Kill:
		w.kills[g.Manner]++
		w.later(hop, func() { w.end(g) })
	}
}

// end takes a guest that was killed away.
func (w *World) end(g *guest) {
	g.gone = true
	w.held -= g.plugged
	g.plugged, g.used = 0, 0
	w.step(broker.GuestGone{Guest: g.id})
}
