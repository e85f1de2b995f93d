package alloc

import "time"

// beside notices that the collector is worth a vCPU of its own. It is meant to run beside the program; on one vCPU it runs in
// its place, and the scheduler's figures show none of it.
type beside struct {
	cycles  uint64
	at      time.Duration // of the newest cycle's end
	cpu, gc time.Duration // Sample.CPU and GCCPU then
	apart   time.Duration // from the one before
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

// step takes in a sample.
func (b *beside) step(now time.Duration, s Sample) bool {
	if s.Cycles != b.cycles {
		b.apart = max(now-b.at, time.Millisecond)
		gc, used := float64(s.GCCPU-b.gc)/float64(b.apart), float64(s.CPU-b.cpu)/float64(b.apart)
		b.on = gc >= besideLess && (b.on || gc >= besideMore) && used >= besideBusy
		b.cycles, b.at, b.cpu, b.gc = s.Cycles, now, s.CPU, s.GCCPU
	}
	b.on = b.on && now-b.at < max(besideOver*b.apart, besideLeast)
	return b.on
}
