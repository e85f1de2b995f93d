package alloc

import "time"

// idleWatch notices a program that worked and then fell silent. Such a program may have dropped
// its data, but without allocating it never collects, and the data stays. Work is measured in
// processor time, because dropping a map allocates nothing. The watch asks for one collection after
// each stretch of work, and pays for it out of a budget, so that a program which is quiet between
// small requests does not spend its life collecting.
//
// Processor time as a guest sees it is noisy: the sampler itself uses some, and on a crowded host the
// time in which others ran is charged to whoever was interrupted. So work is what goes beyond the
// usual noise of quiet moments, and a moment is quiet well before nothing at all is used.
type idleWatch struct {
	lastAt   time.Duration
	last     Sample
	started  bool
	work     time.Duration // processor time beyond noise and collector since our last collection
	noise    float64       // share of one vCPU used in quiet moments
	loud     float64       // share used lately, over some loudSpan
	quietAt  time.Duration // since when it has been quiet
	budget   time.Duration // processor time saved up for collections
	cost     time.Duration // of our last collection
	vain     uint          // collections of ours in a row, since the program worked, that found next to nothing dead
	doneAt   time.Duration // when that was over, in this silence; 0 = there was none
	followed int           // how many have followed it without finding anything
	mark     time.Duration // what a collection costs now, by whoever began it
	busy     bool          // a collection of ours runs, for whichever reason
	asked    bool          // one was due and is not over
	begun    Sample        // when it began
	stirred  bool          // the program did something while our last collection ran
	sweepBy  time.Duration // until then at most memory is being swept or given back for us: that is no work; 0 = none is
	returned time.Duration // when memory was last given back on purpose
	flight   flight        // a collection that the program began, and left to itself
}

const (
	// quietShare of one vCPU: below it a moment is quiet. A trickle of requests counts as quiet too; the
	// budget is what keeps that harmless.
	quietShare = 0.10

	// quietMost is the same where next to nothing is allocated, quietAllocs bytes a second at most: the agents and a timer or two of
	// the program's take a tenth of a vCPU under emulation, and on two of them a fifth, now more and now less. So a moment is
	// quiet as well if the time around it is, loudSpan, and it uses less than quietOnce.
	quietMost   = 0.30
	quietOnce   = 0.45
	quietAllocs = 256 << 10
	loudSpan    = 200 * time.Millisecond

	// noiseSpan is how long quiet moments take to become the usual noise.
	noiseSpan = time.Second

	// noiseFirst is the noise assumed before any was seen.
	noiseFirst = 0.02

	// workLeast and workShare: less work than this, or than this part of what our last collection
	// cost, is not worth another one.
	workLeast = 2 * time.Millisecond
	workShare = 100

	// vainShare of the heap, or less, makes a collection a vain one, after which twice the work is worth another, and so on, as long as
	// the program is quiet: what looks like a little work is the noise of timers then. vainMost bounds the doublings.
	vainShare = 16
	vainMost  = 8

	// What is dropped behind a collection of ours by next to no work, as when a variable goes out of scope, no work shows. Such a
	// collection is followed by so many others: followQuick after followSoon each, and then each after twice the time. So what is
	// dropped in the first three seconds of a silence is looked for half a second later at most, and in the next 15 as much later as the
	// silence was long. One that finds something dead begins the series anew. None follows before the budget's share of the time
	// pays for it, and none at all where that would be later than followLate.
	followSoon  = 500 * time.Millisecond
	followQuick = 6
	followMost  = 10
	followLate  = 10 * time.Second

	// watchLeast is the least time over which a program is judged, unless a collection ended in it: at the end of a look's own work, next
	// to nothing is a whole vCPU.
	watchLeast = 20 * time.Millisecond

	// silenceShare of what a collection costs is waited for on top of Config.Silence, at most silenceMost: a
	// collection of seconds that begins between two requests makes the second one late, and finds
	// alive what is dropped while it marks.
	silenceShare = 4
	silenceMost  = 400 * time.Millisecond

	// stirLeast is how many bytes a program allocates while our collection runs, at least, if it did
	// anything. Its processor time cannot be told from the collector's.
	stirLeast = 4 << 10

	// sweepMost is how long sweeping and giving back take at most, after a collection of ours. It is over before that when the
	// program is quiet, or allocates as none does that is idle: a program that goes on working was not idle all the while.
	sweepMost = 2 * time.Second

	// wideLeast is what a collection must cost to be worth more vCPUs while it runs.
	wideLeast = 200 * time.Millisecond
)

// due is why an idle collection is.
type due uint8

const (
	dueNot    due = iota
	dueWork       // the program worked and fell silent
	dueFollow     // it did next to nothing since the last one, which may still have missed something: see followSoon
)

// step takes in a sample. What is due has not begun: see begin. A program that waits for a grant may be silent because it waits at the gate: a
// collection would wait with it, and everything else for the collection.
func (w *idleWatch) step(now time.Duration, s Sample, cfg Config, waiting bool) due {
	if !w.started {
		w.started, w.last, w.lastAt, w.quietAt = true, s, now, now
		w.budget, w.noise = budgetMost, noiseFirst
		return dueNot
	}
	dt := now - w.lastAt
	if dt <= 0 || dt < watchLeast && s.Cycles == w.last.Cycles {
		return dueNot
	}
	w.budget = min(w.budget+time.Duration(float64(dt)*cfg.IdleBudget), budgetMost)
	w.watch(now, dt, s)
	if waiting {
		w.quietAt = now
	}
	worked, follows := w.work >= max(workLeast, w.cost/workShare)<<w.vain, w.follows(now, cfg)
	silent := now-w.quietAt >= w.silence(cfg)
	if !silent || w.busy || w.flight.on || s.Objects < payoffLeast || w.budget <= 0 {
		return dueNot
	}
	switch {
	case follows:
		return dueFollow
	case worked:
		return dueWork
	}
	return dueNot
}

// begin takes in that a collection of ours begins, and why one was due at that time: one that gives memory back finds out what is dead
// as well.
func (w *idleWatch) begin(now time.Duration, c Collect, why due, s Sample) {
	if c == CollectNone {
		return
	}
	w.busy = true
	if c == CollectReturn {
		w.returned, w.sweepBy = now, now+sweepMost
	}
	if why == dueNot {
		return
	}
	w.asked, w.begun = true, s
	if why == dueFollow {
		w.followed++
	}
}

// follows reports whether another collection is due behind our last one, though there was no work.
func (w *idleWatch) follows(now time.Duration, cfg Config) bool {
	return w.doneAt != 0 && w.more(cfg) && now-w.doneAt >= w.pause(cfg)
}

// more reports whether another collection follows our last one at all, if the silence lasts.
func (w *idleWatch) more(cfg Config) bool {
	return w.followed < followMost && w.pause(cfg) <= followLate
}

// pause is how long after our last collection that one comes.
func (w *idleWatch) pause(cfg Config) time.Duration {
	wait := followSoon << max(0, w.followed-followQuick+1)
	return max(wait, time.Duration(float64(w.cost)/cfg.IdleBudget))
}

// watching reports whether the program has worked since our last collection and is quiet now.
func (w *idleWatch) watching() bool {
	quiet := w.quietAt < w.lastAt || w.flight.since != 0
	return w.work >= workLeast && !w.asked && w.budget > 0 && quiet && w.last.Objects >= payoffLeast
}

// searching reports whether there is something that the program may have dropped by next to no work and that no collection of ours
// has looked for.
func (w *idleWatch) searching(cfg Config) bool {
	return w.last.Objects >= payoffLeast && (w.doneAt == 0 && w.followed < followMost || w.more(cfg))
}

// silence is how long it must have been quiet. After a collection that was disturbed it counts from that one's
// end, and the longer silence was there before it began.
func (w *idleWatch) silence(cfg Config) time.Duration {
	if w.stirred {
		return cfg.Silence
	}
	return cfg.Silence + min(w.mark/silenceShare, silenceMost)
}

// wide reports whether a collection would be over sooner, by a time worth the trouble, on all vCPUs there are.
func (w *idleWatch) wide() bool { return w.mark >= wideLeast }

// watch tells work from noise in the time since the last sample.
func (w *idleWatch) watch(now, dt time.Duration, s Sample) {
	used := s.CPU - w.last.CPU
	share := float64(used) / float64(dt)
	idle := float64(s.Allocs-w.last.Allocs) < quietAllocs*dt.Seconds()
	w.loud += (share - w.loud) * min(1, float64(dt)/float64(loudSpan))
	quiet := share < quietShare || idle && share < quietOnce && min(share, w.loud) < quietMost
	usual := 2 * w.noise
	if !quiet {
		// Loud quiet moments do not make a moment that is not quiet one of no work: a program that reads at its leisure
		// uses little more than they did.
		usual = min(usual, quietShare)
	}
	ours := idle && (w.asked || now <= w.sweepBy) // a collection, or what follows one
	if !w.asked && !ours {
		w.work += max(0, used-time.Duration(usual*float64(dt)))
	}
	if quiet || !idle {
		w.sweepBy = 0
	}
	landed := w.flight.on && s.Cycles != w.last.Cycles && s.Allocs-w.last.Allocs < stirLeast
	w.flight.step(now, dt, w.mark, share, s, w.last)
	w.price(s)
	// The collector's own time is known only when a cycle is over, for all of it at once. What the
	// program did meanwhile stays counted: the cycle may have begun before the data was dropped.
	w.work = max(0, w.work-(s.GCCPU-w.last.GCCPU))
	switch {
	case quiet:
		w.noise += (share - w.noise) * min(1, float64(dt)/float64(noiseSpan))
	case w.flight.on:
		w.quietAt = w.flight.since // all the work is the collector's
	case ours:
		w.quietAt = now // it is the same silence that goes on behind it
	case !landed:
		w.quietAt, w.vain, w.doneAt, w.followed = now, 0, 0, 0
	}
	w.last, w.lastAt = s, now
}

// price learns what a collection costs now.
func (w *idleWatch) price(s Sample) {
	if n := s.Cycles - w.last.Cycles; s.Cycles > w.last.Cycles {
		w.mark = (s.GCCPU - w.last.GCCPU) / time.Duration(n)
	}
}

// collected takes in that our collection is over, with a sample taken after it, and reports whether one was due when it began. Its processor time
// comes off the budget, which may go below zero: then the next one waits until the debt is saved up
// again. What the program dropped while the collector marked was found alive, so if it did anything
// in that time another collection must follow.
func (w *idleWatch) collected(cost time.Duration, after Sample) bool {
	w.busy = false
	if !w.asked {
		return false
	}
	w.budget -= cost
	w.cost = cost
	w.work = 0
	w.doneAt = w.lastAt
	if w.begun.Objects-after.Objects > w.begun.Objects/vainShare {
		w.vain, w.followed = 0, 0
		w.returned = 0 // what was found goes back at once
	} else {
		w.vain = min(w.vain+1, vainMost)
	}
	w.stirred = after.Allocs-w.begun.Allocs >= stirLeast
	if w.stirred {
		w.work, w.vain = max(workLeast, cost/workShare), 0
		w.quietAt = w.lastAt
	}
	w.asked, w.sweepBy = false, w.lastAt+sweepMost
	w.price(after)
	w.last = after // its processor time was no work
	return true
}

// mayReturn limits how often memory is given back: each time costs a collection. The one that runs has to be over.
func (w *idleWatch) mayReturn(now time.Duration) bool {
	return !w.busy && (w.returned == 0 || now-w.returned >= time.Second)
}
