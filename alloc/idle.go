package alloc

import "time"

// idleWatch notices a program that worked and then fell silent. Such a program may have dropped
// its data, but without allocating it never collects, and the data stays. Activity is measured in
// processor time, because dropping a map allocates nothing. The watch asks for one collection after
// each stretch of activity, and pays for it out of a budget so that a program which is quiet
// between small requests does not spend its life collecting.
type idleWatch struct {
	lastAt   time.Duration
	last     Sample
	started  bool
	active   bool          // work was done since the last collection
	quietAt  time.Duration // since when nothing was done
	budget   time.Duration // processor time saved up for collections
	returned time.Duration // when memory was last given back on purpose
}

// busyShare is the share of one vCPU above which a process counts as active. The sampler itself
// stays well below it.
const busyShare = 0.02

func (w *idleWatch) step(now time.Duration, s Sample, cfg Config) Collect {
	if !w.started {
		w.started, w.last, w.lastAt, w.quietAt = true, s, now, now
		w.budget = budgetMost
		return CollectNone
	}
	dt := now - w.lastAt
	if dt <= 0 {
		return CollectNone
	}
	w.budget = min(w.budget+time.Duration(float64(dt)*cfg.IdleBudget), budgetMost)
	used := s.CPU - w.last.CPU
	cycled := s.Cycles != w.last.Cycles
	if cycled {
		// Its own collection told the program what is dead; what it did before no longer matters.
		w.active = false
	}
	if float64(used) > busyShare*float64(dt) && !cycled {
		w.active, w.quietAt = true, now
	}
	w.last, w.lastAt = s, now
	if !w.active || now-w.quietAt < cfg.Silence || s.Held() < payoffLeast || w.budget <= 0 {
		return CollectNone
	}
	w.active = false
	return CollectIdle
}

// paid takes the processor time a collection cost off the budget. It may go below zero: then
// the next one waits until the debt is saved up again.
func (w *idleWatch) paid(cost time.Duration) { w.budget -= cost }

// mayReturn limits how often memory is given back: each time costs a collection.
func (w *idleWatch) mayReturn(now time.Duration) bool {
	if w.returned != 0 && now-w.returned < time.Second {
		return false
	}
	w.returned = now
	return true
}
