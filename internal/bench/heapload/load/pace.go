package load

import "time"

// pace says how much may be allocated at a rate. A program that was held up goes on at its rate and does
// not catch up: what it would have read meanwhile is not waiting for it.
type pace struct {
	rate float64 // bytes a second; 0 = as fast as it goes
	room float64 // bytes that may be allocated now
	last time.Duration
}

// burst is how much of a second's rate may be allocated at once.
const burst = 0.1

// ready reports whether something may be allocated at the given time since any fixed moment.
func (p *pace) ready(now time.Duration) bool {
	if p.rate == 0 {
		return true
	}
	p.room = min(p.room+p.rate*(now-p.last).Seconds(), p.rate*burst)
	p.last = now
	return p.room > 0
}

// spend takes in that so many bytes were allocated.
func (p *pace) spend(n int64) { p.room -= float64(n) }
