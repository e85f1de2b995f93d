package sched

import "time"

const (
	// busy is the share of each vCPU, thousandths, from which on a program may be held back by their number.
	busy = 950

	// needed is how much of one more it must use, thousandths, to keep it.
	needed = 250

	// probeMost is how many times Settle, at most, between two tries.
	probeMost = 64
)

// probe tries one vCPU more with a program that makes no more threads than it has vCPUs, as any Go program does:
// its run queue never shows that it could use another. Each try that fails makes the next one twice as late.
type probe struct {
	busySince time.Duration // 0 = it is not busy
	wait      time.Duration // before the next try; 0 = Settle
	since     time.Duration // of the try under way; 0 = none
}

// next returns how many more, or fewer, are to be wanted than `want`, of which so many are used on average.
func (p *probe) next(now time.Duration, want, most int, used float64, settle time.Duration) int {
	milli := int(used * 1000)
	if p.since != 0 {
		return p.judge(now, want, milli, settle)
	}
	if milli < want*busy {
		p.busySince = 0
		return 0
	}
	if p.busySince == 0 {
		p.busySince = max(now, 1)
	}
	if want >= most || now-p.busySince < max(p.wait, settle) {
		return 0
	}
	p.since = max(now, 1)
	return 1
}

// judge ends a try when the vCPU is used, or was not for twice Settle.
func (p *probe) judge(now time.Duration, want, milli int, settle time.Duration) int {
	switch {
	case milli >= (want-1)*1000+needed:
		*p = probe{}
	case now-p.since >= 2*settle:
		*p = probe{wait: min(2*max(p.wait, settle), probeMost*settle)}
		return -1
	}
	return 0
}
