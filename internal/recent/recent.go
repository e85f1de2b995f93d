// Package recent remembers the recent highs of measured quantities. Margins and demands are built
// on highs, because being late costs a stall while being generous costs a few MiB for seconds.
//
// Both types are values without a clock: now is the time since any fixed moment, and must not go
// backwards. Their zero values are ready for use. Neither is safe for concurrent use.
//
//	var rate recent.High
//	rate.Add(now, bytesPerSecond, 500*time.Millisecond)
//	margin := rate.Get(now, 500*time.Millisecond) * latency
package recent

import "time"

// High follows a quantity from above: it jumps to a new high at once and forgets it by half
// in each half-life.
type High struct {
	value float64
	at    time.Duration
}

// Add takes in one measurement.
func (h *High) Add(now time.Duration, v float64, halfLife time.Duration) {
	h.value = max(h.Get(now, halfLife), v)
	h.at = now
}

// Get is the high as remembered now.
func (h *High) Get(now, halfLife time.Duration) float64 {
	v := h.value
	age := now - h.at
	// Halving in whole steps, then a straight line to the next half: no exponential on a hot path.
	for ; age >= halfLife && v > 1e-12; age -= halfLife {
		v /= 2
	}
	if age >= halfLife {
		return 0
	}
	return v * (1 - float64(age)/float64(2*halfLife))
}

const slots = 8

// Window is the highest of what was seen within a span of time.
type Window struct {
	top   [slots]int64
	head  int
	begin time.Duration // of the newest slot
}

// Add takes in one value and returns the highest of the last span, which includes v. The span is
// kept to within a seventh: a value is remembered for at least span and at most 8/7 of it.
func (w *Window) Add(now time.Duration, v int64, span time.Duration) int64 {
	slot := max(span/(slots-1), 1)
	if now-w.begin >= slot*slots {
		*w = Window{begin: now}
	}
	for now-w.begin >= slot {
		w.head = (w.head + 1) % slots
		w.top[w.head] = 0
		w.begin += slot
	}
	w.top[w.head] = max(w.top[w.head], v)
	top := v
	for _, t := range w.top {
		top = max(top, t)
	}
	return top
}
