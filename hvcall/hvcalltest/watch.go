package hvcalltest

import (
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Overrun is one time that a guest held more than it was granted.
type Overrun struct {
	Held    uint64 // bytes
	Granted uint64 // bytes
}

// promptly is how long a shrink without a hurry, and a limit, may take before what is still held is an overrun. It
// is what a guest needs to collect a heap of some size once.
const promptly = 2 * time.Second

// watch finds overruns.
//
//	within   no more is held than granted, or a shrink has time left   moved on by a report of more
//	over     an overrun was told                                       moved back by a report of no more, or a grant of all
type watch struct {
	due  time.Time // until then a shrink has time
	held uint64    // as last reported, bytes
	over bool
}

// granted takes in that a grant is replaced by another.
func (w *watch) granted(now time.Time, before, g hvcall.Grant) {
	if g.Memory < before.Memory {
		w.due = now.Add(max(promptly, time.Duration(g.Within)*time.Millisecond))
	}
	w.over = w.over && w.held > g.Memory
}

// holds takes in what the guest holds and reports whether an overrun begins.
func (w *watch) holds(now time.Time, held, granted uint64) bool {
	was := w.over
	w.held = held
	w.over = held > granted && (was || now.After(w.due))
	return w.over && !was
}

// seen takes in what the guest says to hold.
func (h *Host) seen(held uint64) {
	h.mu.Lock()
	granted := h.now.Memory
	begins := h.watch.holds(time.Now(), held, granted)
	if begins {
		h.tale.overrun(held, granted)
	}
	h.mu.Unlock()
	if begins {
		h.Overruns.add(Overrun{held, granted})
	}
}
