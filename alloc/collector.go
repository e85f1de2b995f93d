package alloc

import (
	"log/slog"
	"math"
	"runtime/debug"
)

// collector is the Go runtime's collector as an Agent has set it: its memory limit, its GOGC, and whether it
// runs at all.
type collector struct {
	starving func(bool) // told before it is switched off, and after it is on again

	limit int64 // last one set, bytes; 0 = none
	off   bool  // we have switched it off
	kept  int64 // GOGC to come back to, percent, while it is off
}

// see returns the sample with the GOGC that stands behind a collector we have switched off. Where the
// program has set it meanwhile, that one counts.
func (c *collector) see(s Sample) Sample {
	if c.off && s.GOGC < 0 {
		s.GOGC = c.kept
	}
	return s
}

// apply sets the collector as decided; was is GOGC in the sample that the decision was made from.
func (c *collector) apply(d Decision, was int64, log *slog.Logger) {
	if d.Yielded {
		log.Info("the program set GOGC: the price of memory does not change it any more", "percent", was)
	}
	if d.Starved != c.off {
		c.turn(d.Starved, was, log)
	}
	if c.off {
		if d.GOGC != 0 {
			c.kept = d.GOGC
		}
		return
	}
	if d.Limit != c.limit {
		c.limit = d.Limit
		debug.SetMemoryLimit(d.Limit)
	}
	if d.GOGC != 0 {
		c.set(d.GOGC, was, log)
	}
}

// turn switches the collector off or on. Off returns when the cycle that runs is over, and the world is
// stopped for the scheduler's part while it still can be.
func (c *collector) turn(off bool, was int64, log *slog.Logger) {
	c.off = off
	if off {
		log.Debug("collector off: memory comes late", "percent", was)
		c.kept, c.limit = was, 0
		c.starving(true)
		debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(-1)
		return
	}
	debug.SetGCPercent(int(c.kept))
	c.starving(false)
	log.Debug("collector on", "percent", c.kept)
}

// set sets GOGC, unless the program was quicker: then its own value stands, and the next step finds it.
func (c *collector) set(percent, was int64, log *slog.Logger) {
	if found := debug.SetGCPercent(int(percent)); int64(found) != was {
		debug.SetGCPercent(found)
		return
	}
	log.Debug("GOGC set by price", "percent", percent, "before", was)
}
