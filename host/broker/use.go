package broker

import (
	"math"
	"time"
)

// Use is how much of its memory a guest leaves idle, as far as that can be known: bytes that its kernel says are
// free, or that were never touched as the host measures, whichever is more. A guest can hide idle memory by
// touching it, which costs it processor time, and gains nothing by that beyond its share.
//
// Idle memory is taxed (Waldspurger: Memory Resource Management in VMware ESX Server, OSDI 2002): with a rate of 3/4
// a page that lies idle weighs four times as much as one in use, so in a contest a hoarder loses first and
// ends with a quarter. Up to a fifth of a guest may be idle untaxed: margins are no hoard. Who begins to use
// memory is believed at once, who leaves it idle is taxed over seconds, in steps: a tax that moved with each
// report would have all shares move with it.
//
// Invariants: Idle ≤ Firm; Tax ≤ taxSteps.
type Use struct {
	Idle  int64         `json:"idle"`  // bytes, as of the last report
	Slow  float64       `json:"slow"`  // the part of it that was idle, averaged over useMemory
	At    time.Duration `json:"at"`    // of the last report
	Tax   int           `json:"tax"`   // in eighths: 0 = all in use, 8 = all idle
	Known bool          `json:"known"` // there was a report
}

const (
	taxSteps  = 8
	taxScale  = 64              // a weight without tax, so that one with tax is exact enough
	taxFree   = 0.2             // part of a guest that may lie idle untaxed
	useMemory = 8 * time.Second // idle memory is believed to be idle after about as long
)

// taxed is what a weight is multiplied by: taxScale / (used + 4 × idle).
func (u Use) taxed() int64 { return taxScale * taxSteps / int64(taxSteps+3*u.Tax) }

// step returns the use after a report at now that of firm bytes so many are idle.
func (u Use) step(now time.Duration, idle, firm int64) Use {
	u.Idle = clamp(idle, 0, firm)
	part := float64(u.Idle) / float64(max(firm, 1))
	keep := math.Exp(-float64(now-u.At) / float64(useMemory))
	if !u.Known { // nobody knows for how long
		keep = 1
	}
	u.Slow = min(part, keep*u.Slow+(1-keep)*part)
	u.At, u.Known = now, true
	exact := taxSteps * max(0, u.Slow-taxFree) / (1 - taxFree)
	if math.Abs(exact-float64(u.Tax)) >= 1 {
		u.Tax = int(math.Round(exact))
	}
	return u
}
