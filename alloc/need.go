package alloc

import "sync"

// Need is how many vCPUs the collector could use.
type Need uint8

// The needs, the greatest last.
const (
	NeedNone   Need = iota
	NeedBeside      // one beside the program's: it takes much of what both have
	NeedAll         // all that the host can spare: a long one runs while the program is silent
)

// by says who begins collections.
type by uint8

const (
	byProgram by = iota
	byAgent
	byCount
)

// needs puts together what the collections of both need, and tells of the greatest.
type needs struct {
	tell func(Need)

	mu  sync.Mutex // held while telling, so that the last word is the newest
	now [byCount]Need
}

// set takes in what those of one need.
func (n *needs) set(who by, need Need) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := max(n.now[byProgram], n.now[byAgent])
	n.now[who] = need
	if after := max(n.now[byProgram], n.now[byAgent]); after != before {
		n.tell(after)
	}
}
