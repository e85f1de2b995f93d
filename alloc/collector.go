package alloc

import (
	"log/slog"
	"runtime/debug"
)

// collector is the Go runtime's collector as an Agent has set it.
type collector struct {
	limit int64 // last one set, bytes; 0 = none
}

// apply sets the collector as decided; was is GOGC in the sample that the decision was made from.
func (c *collector) apply(d Decision, was int64, log *slog.Logger) {
	if d.Yielded {
		log.Info("the program set GOGC: the price of memory does not change it any more", "percent", was)
	}
	if d.Limit != c.limit {
		c.limit = d.Limit
		debug.SetMemoryLimit(d.Limit)
	}
	if d.GOGC != 0 {
		c.set(d.GOGC, was, log)
	}
}

// set sets GOGC, unless the program was quicker: then its own value stands, and the next step finds it.
func (c *collector) set(percent, was int64, log *slog.Logger) {
	if found := debug.SetGCPercent(int(percent)); int64(found) != was {
		debug.SetGCPercent(found)
		return
	}
	log.Debug("GOGC set by price", "percent", percent, "before", was)
}
