package node

import (
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// demandPace is the least time between two demands of one guest that the broker hears of. A demand is complete, so
// of those that come faster the newest is enough; the first after a pause is passed on at once.
const demandPace = 5 * time.Millisecond

// pacer passes a guest's demands on, not faster than demandPace, so that no guest can keep the broker, its device and
// everybody's host busy by changing its mind.
type pacer struct {
	pass func(hvcall.Demand)

	mu      sync.Mutex
	last    time.Time      // when one was passed on; guarded by mu, as all below
	pending *hvcall.Demand // the newest that was not
}

// put passes d on, now or as soon as it may be. An older one that waits is forgotten.
func (p *pacer) put(d hvcall.Demand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := demandPace - time.Since(p.last)
	switch {
	case p.pending != nil:
		if d.Revision > p.pending.Revision {
			p.pending = &d
		}
	case wait > 0:
		p.pending = &d
		time.AfterFunc(wait, p.flush)
	default:
		p.last = time.Now()
		p.pass(d)
	}
}

// flush passes on what waited.
func (p *pacer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.pending
	p.pending, p.last = nil, time.Now()
	p.pass(*d)
}
