package hvcalltest

import (
	"time"

	"github.com/silo-os/silo/hvcall"
)

// stance is how a scripted host answers at a moment. The zero value grants everything.
type stance struct {
	refuse bool
	delay  time.Duration
	memory uint64 // bytes, at most; 0 = no bound
	milli  uint32 // thousandths of a vCPU, at most; 0 = no bound
	price  uint64
}

// answer is the stance's [Policy].
func (s stance) answer(d hvcall.Demand, now hvcall.Grant, b Bounds) (hvcall.Grant, time.Duration) {
	policy := Policy(GrantAll)
	if s.refuse {
		policy = Refuse
	}
	g, _ := policy(d, now, b)
	if s.memory > 0 && g.Memory > s.memory {
		g.Memory, g.Limit = s.memory, hvcall.LimitHost
	}
	if s.milli > 0 && g.MilliCPU > s.milli {
		g.MilliCPU, g.Limit = s.milli, hvcall.LimitHost
	}
	g.Price = s.price
	return g, s.delay
}

// move changes the stance and has the newest demand answered anew: one that stands needs no repetition. within is the
// time for a shrink; 0 = no hurry.
func (h *Host) move(change func(*stance), within time.Duration) {
	h.mu.Lock()
	h.policy = nil
	change(&h.stance)
	d, delay := h.standing, h.stance.delay
	h.mu.Unlock()
	if delay > 0 { // taking back does not wait for what giving waits for
		h.reply(d, stance.withheld, within)
	}
	h.out.put(delay, func() { h.reply(d, stance.itself, within) })
}

func (s stance) itself() stance   { return s }
func (s stance) withheld() stance { s.refuse = true; return s }

// reply sends what the stance, or what is made of it, says to a demand at this moment, unless the guest knows it already.
func (h *Host) reply(d hvcall.Demand, of func(stance) stance, within time.Duration) {
	h.mu.Lock()
	s, now := of(h.stance), h.now
	g, _ := s.answer(d, now, Bounds{h.welcome.Memory, h.welcome.CPU})
	g.Revision = d.Revision
	h.mu.Unlock()
	if s.memory > 0 && g.Memory < now.Memory && d.Memory > g.Memory {
		g.Limit, g.Within = hvcall.LimitReclaim, uint32(within.Milliseconds())
	}
	now.Serial, now.Within = 0, g.Within
	if g != now {
		h.send(g)
	}
}
