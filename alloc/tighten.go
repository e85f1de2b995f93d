package alloc

import (
	"runtime/debug"

	"github.com/silo-os/silo/internal/recent"
)

// tightPercent is GOGC as a Governor reckons with it while it is tight: what it asks for is live data and an eighth. The
// runtime's own value stays; the memory limit, which follows the demand, has it collect as often as that takes.
const tightPercent = 12

// Tighten has the forecast be as little above the live data as a running program can do with, at once, or ends that.
func (g *Governor) Tighten(on bool) {
	g.tight = on
	if on {
		g.lately = recent.Window{} // a decision, and no passing low
	}
}

// Tightened takes in that what was free is given back since it became tight. What was needed before that, the collection's own
// needs included, is no recent high.
func (g *Governor) Tightened() {
	if g.tight {
		g.lately = recent.Window{}
	}
}

// tightened is the sample that the forecast is made from.
func (g *Governor) tightened(s Sample) Sample {
	if g.tight && s.GOGC > tightPercent {
		s.GOGC = tightPercent
	}
	return s
}

// Tighten keeps the heap close to what is live from now until Relax, while every byte costs, as when the guest is copied to
// another host; it collects, and gives back what is free. The channel is closed when that is done. A program that waits for memory
// may have to have it first.
func (a *Agent) Tighten() <-chan struct{} {
	a.mu.Lock()
	a.gov.Tighten(true)
	a.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		debug.FreeOSMemory()
		a.mu.Lock()
		a.gov.Tightened()
		a.mu.Unlock()
		a.poke()
	}()
	return done
}

// Relax ends what Tighten began.
func (a *Agent) Relax() {
	a.mu.Lock()
	a.gov.Tighten(false)
	a.mu.Unlock()
	a.poke()
}
