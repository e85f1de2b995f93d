package pid1

import "time"

const (
	// beatEvery is how often an application with a waiting thread is asked whether its other goroutines run, and
	// how often it is helped while it does not answer. beatWithin is how long its answer may take: on a busy
	// host it takes some tens of milliseconds although all is well.
	beatEvery  = 20 * time.Millisecond
	beatWithin = 40 * time.Millisecond

	// pulseLeast is what the gate lets through for the first beat that was missed, and each that follows twice as much
	// as the one before, up to pulseStep. A thread in user code can be stopped after a single page, and whatever is more
	// than it takes there is used up by the next that comes; pulseStep is enough to get from the middle of the
	// runtime's allocator to where it can be stopped, and too little for a huge page.
	pulseLeast = 8 * kib
	pulseStep  = 32 * kib

	// pulseMost is let through for one stall. It is part of the reserve, of which plugRoom is never touched: the
	// descriptors of the next block, 2 MiB for 128, and what this process and the kernel need to bring it. Where that is
	// gone, the kernel kills for want of memory in the moment when memory comes.
	pulseMost = 2 * mib
	plugRoom  = 4 * mib
)

// pulse finds out whether an application with a thread at the gate stands still as a whole, and how much the
// gate lets through to get it going.
//
// Stopping the world waits for every thread that runs Go code, and a thread that waits in its page
// fault counts as one that runs. So does a processor of the Go scheduler that such a thread holds. A few pages take
// the thread to the point where the runtime can stop it: the world stops, starts again, and goroutines that need no
// memory go on while the thread comes back to the gate.
//
//	calm    no thread waits                    moved on by a stall
//	asked   a heartbeat is out                 moved on by its answer, or after beatWithin
//	missed  one more step was let through      moved on by the answer, or after beatEvery
//	fed     memory came: what was let through is covered, and may be let through again
type pulse struct {
	at    time.Duration // when to ask, or to let through, at the earliest
	out   bool          // a beat is asked and not answered
	size  int64         // let through at the next miss, bytes
	given int64         // let through since memory came last, bytes
}

// step says whether to ask for a heartbeat now, and how many bytes to let through, of those that are free beyond what the
// kernel keeps.
func (p *pulse) step(now time.Duration, stalled bool, free int64) (ask bool, give int64) {
	switch {
	case !stalled || now < p.at:
	case p.out:
		p.at = now + beatEvery
		give = max(0, min(p.size, pulseMost-p.given, free-plugRoom))
		p.given += give
		p.size = min(2*p.size, pulseStep)
	default:
		p.at, p.out, p.size = now+beatWithin, true, pulseLeast
		ask = true
	}
	return ask, give
}

// beat takes in the answer.
func (p *pulse) beat(now time.Duration) { p.at, p.out = now+beatEvery, false }

// fed takes in that memory came.
func (p *pulse) fed() { p.given = 0 }
