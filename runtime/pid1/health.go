package pid1

// health decides from looks at an application what is to be said of it. It is pure.
//
//	starting   it has never answered. One good look moves it to serving, and so does word from elsewhere that it serves.
//	serving    it answers. As many bad looks in a row as its patience are told as a hang, and as many more again: whoever
//	           hears of it may have a reason to wait.
type health struct {
	patience int
	serving  bool
	bad      int // in a row
}

// verdict is what a look makes known.
type verdict int

const (
	nothingNew verdict = iota
	nowServing         // it answers for the first time
	nowHung            // it has answered, and does not any more
)

// saw takes in a look, and whether the application is known to have served. What never did is not hung: it may take its
// time to start.
func (h *health) saw(good, served bool) verdict {
	h.serving = h.serving || served && !good
	switch {
	case good && !h.serving:
		h.serving, h.bad = true, 0
		return nowServing
	case good:
		h.bad = 0
	case h.serving:
		if h.bad++; h.bad == h.patience {
			h.bad = 0
			return nowHung
		}
	}
	return nothingNew
}

// beatsIn is how many heartbeats are asked for in the time of a watchdog: so many in a row must stay without an answer, for one
// may be lost to a busy moment.
const beatsIn = 4
