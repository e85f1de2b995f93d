package alloc

import (
	"cmp"
	"log/slog"
	"math"
	"runtime/debug"
)

// collector is the Go runtime's collector as an Agent has set it.
//
//	on      as the limit and the price say    moved on by Decision.Paused
//	paused  no collection begins              moved on by the end of that
type collector struct {
	user   int64 // GOMEMLIMIT that the user set, bytes; 0 = none
	limit  int64 // last one set, bytes; 0 = none
	paused bool
	kept   int64 // GOGC to come back to, percent, while paused
}

// see returns the sample with the GOGC that stands behind a paused collector. Where the program has set
// it meanwhile, that one counts.
func (c *collector) see(s Sample) Sample {
	if c.paused && s.GOGC < 0 {
		s.GOGC = c.kept
	}
	return s
}

// apply sets the collector as decided; was is GOGC in the sample that the decision was made from.
func (c *collector) apply(d Decision, was int64, log *slog.Logger) {
	if d.Yielded {
		log.Info("the program set GOGC: the price of memory does not change it any more", "percent", was)
	}
	if d.Paused != c.paused {
		c.pause(d.Paused, was, log)
	}
	if c.paused {
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

// pause returns when the collection that runs is over, or lets the next one begin.
func (c *collector) pause(on bool, was int64, log *slog.Logger) {
	log.Debug("collector paused", "now", on, "percent", was)
	c.paused = on
	if !on {
		if found := debug.SetGCPercent(int(c.kept)); found >= 0 {
			debug.SetGCPercent(found) // the program's own: see [collector.see]
		}
		return
	}
	c.kept, c.limit = was, 0
	debug.SetMemoryLimit(cmp.Or(c.user, math.MaxInt64))
	debug.SetGCPercent(-1)
}

// set sets GOGC, unless the program was quicker: then its own value stands, and the next step finds it.
func (c *collector) set(percent, was int64, log *slog.Logger) {
	if found := debug.SetGCPercent(int(percent)); int64(found) != was {
		debug.SetGCPercent(found)
		return
	}
	log.Debug("GOGC set by price", "percent", percent, "before", was)
}
