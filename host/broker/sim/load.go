package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Load is how a guest's need for memory goes over time.
type Load string

// The loads there are.
const (
	Steady  Load = "steady"  // always the same
	Diurnal Load = "diurnal" // a sine, each guest at another hour
	Bursty  Load = "bursty"  // low, and high for some seconds now and then
	Ramp    Load = "ramp"    // grows steadily, drops, grows again
	Greedy  Load = "greedy"  // can use all it is allowed
)

// need is a guest's need: a function of time and nothing else.
type need struct {
	load      Load
	low, high int64         // bytes
	period    time.Duration // a day, a cycle, or the slot in which a burst may come
	phase     time.Duration
	seed      uint64
}

func drawNeed(r *rand.Rand, load Load, boot, most int64) need {
	between := func(a, b float64) int64 { return boot + int64(float64(most-boot)*(a+(b-a)*r.Float64())) }
	n := need{load: load, low: between(0.05, 0.3), high: between(0.4, 0.8), seed: r.Uint64()}
	switch load {
	case Steady:
		n.high = n.low
	case Greedy:
		n.low, n.high = most, most
	}
	n.period = time.Duration(20+r.IntN(40)) * time.Second
	n.phase = time.Duration(r.Int64N(int64(n.period)))
	return n
}

// at is the need at a moment, in bytes.
func (n need) at(t time.Duration) int64 {
	at := t + n.phase
	turn := float64(at%n.period) / float64(n.period)
	span := float64(n.high - n.low)
	switch n.load {
	case Diurnal:
		return n.low + int64(span*(1-math.Cos(2*math.Pi*turn))/2)
	case Ramp:
		return n.low + int64(span*turn)
	case Bursty:
		slot := uint64(at / n.period)
		if r := rand.New(rand.NewPCG(n.seed, slot)); r.IntN(2) == 0 {
			start := 0.6 * r.Float64()
			if turn >= start && turn < start+0.3 {
				return n.high
			}
		}
		return n.low
	}
	return n.high
}
