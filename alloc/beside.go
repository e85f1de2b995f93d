package alloc

import "time"

// beside notices that the collector is worth a vCPU of its own. It is meant to run beside the program; on one vCPU it runs in
// its place, and the scheduler's figures show none of it.
type beside struct {
	cpu, gc time.Duration // Sample.CPU and GCCPU when the newest cycle ended
	on      bool
}

const (
	// besideMore and besideLess are the collector's part of the time: from the first on it is worth a vCPU, and below the second no
	// more. With a vCPU of its own it uses what is idle too, and its part grows.
	besideMore = 1. / 6
	besideLess = 1. / 12

	// besideBusy of one vCPU must be used by program and collector together: else nobody is in anybody's way.
	besideBusy = 0.85

	// besideOver is how many times as long as the newest cycle, besideLeast how long at least, nothing is collected when that is over.
	besideOver  = 3
	besideLeast = time.Second
)

// step takes in a sample, and what is known of cycles with it: one ended just now, or none did.
func (b *beside) step(now time.Duration, s Sample, cycles cycleWatch, ended bool) bool {
	if ended {
		apart := float64(max(cycles.apart, time.Millisecond))
		gc, used := float64(s.GCCPU-b.gc)/apart, float64(s.CPU-b.cpu)/apart
		b.on = gc >= besideLess && (b.on || gc >= besideMore) && used >= besideBusy
		b.cpu, b.gc = s.CPU, s.GCCPU
	}
	b.on = b.on && now-cycles.at < max(besideOver*cycles.apart, besideLeast)
	return b.on
}
