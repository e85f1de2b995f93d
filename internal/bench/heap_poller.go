package bench

import "time"

// The best known autoscaler of virtual machines, after its own documentation: usage sampled each 100 ms,
// the mean of 5 samples, more asked for above 85 %, no more than one request a second, a fixed step.
const (
	pollEvery   = 100 * time.Millisecond
	pollMean    = 5
	pollShare   = 0.85
	pollBetween = time.Second
	pollStep    = 256 << 20
)

// poller decides on a guest's size from outside, from its usage alone. It is pure: usage in, sizes
// out; now is the time since any fixed moment.
type poller struct {
	least, most int64 // bounds of the size, bytes

	used  []int64 // the last samples, at most pollMean, bytes
	total int64   // what the guest's kernel managed in the newest one
	asked bool    // a request was made
	last  time.Duration
}

// sample takes in what the guest's agent said.
func (p *poller) sample(used, total int64) {
	p.used = append(p.used, used)
	p.used = p.used[max(0, len(p.used)-pollMean):]
	p.total = total
}

// decide returns the size to ask for, given the present one.
func (p *poller) decide(now time.Duration, size int64) (to int64, ask bool) {
	if len(p.used) < pollMean || p.asked && now-p.last < pollBetween {
		return size, false
	}
	switch mean := p.mean(); {
	case mean > pollShare*float64(p.total):
		to = min(size+pollStep, p.most)
	case mean < pollShare*float64(p.total-pollStep):
		to = max(size-pollStep, p.least)
	default:
		return size, false
	}
	if to == size {
		return size, false
	}
	p.asked, p.last = true, now
	return to, true
}

func (p *poller) mean() float64 {
	sum := 0.0
	for _, u := range p.used {
		sum += float64(u)
	}
	return sum / float64(len(p.used))
}
