package alloc

import "sync"

// wide puts together who wants all vCPUs for a collection, and tells when the first begins and the last ends.
type wide struct {
	tell func(running bool)

	mu sync.Mutex // held while telling, so that the last word is the newest
	n  int
}

// set adds one who wants them, or takes one away.
func (w *wide) set(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.n
	if on {
		w.n++
	} else {
		w.n--
	}
	if (before > 0) != (w.n > 0) {
		w.tell(w.n > 0)
	}
}
