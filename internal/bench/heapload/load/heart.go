package load

import (
	"sync/atomic"
	"time"
)

// beat is the period of the goroutine that does not allocate.
const beat = 20 * time.Millisecond

// heart measures how long a goroutine that does not allocate is kept from running.
type heart struct{ gap atomic.Int64 } // longest, nanoseconds

// run beats for as long as the program lives.
func (h *heart) run() {
	for last := time.Now(); ; {
		time.Sleep(beat)
		now := time.Now()
		h.gap.Store(max(h.gap.Load(), int64(now.Sub(last))))
		last = now
	}
}

func (h *heart) gapMS() float64 { return float64(h.gap.Load()) / 1e6 }
