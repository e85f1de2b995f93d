package alloc

import (
	"testing"
	"time"
)

// watchRun feeds an idleWatch: each millisecond-step uses a share of a vCPU; it answers a collection at once.
type watchRun struct {
	w       idleWatch
	now     time.Duration
	s       Sample
	asked   int
	askedAt time.Duration
	cost    time.Duration // of each collection
	takes   int           // steps that are seen of each, with a vCPU that is busy
	waiting bool          // for a grant
	during  int64         // bytes allocated while one runs
	allocs  int64         // bytes allocated per second otherwise
	frees   int64         // bytes that the next one finds dead
}

func (r *watchRun) run(d time.Duration, share float64) {
	const dt = 100 * time.Millisecond
	for end := r.now + d; r.now < end; {
		r.now += dt
		r.s.CPU += time.Duration(share * float64(dt))
		r.s.Allocs += int64(float64(r.allocs) * dt.Seconds())
		if why := r.w.step(r.now, r.s, Config{}.withDefaults(), r.waiting); why != dueNot {
			r.w.begin(r.now, CollectIdle, why, r.s)
			r.asked++
			r.askedAt = r.now
			for range r.takes {
				r.now += dt
				r.s.CPU += dt
				r.w.step(r.now, r.s, Config{}.withDefaults(), r.waiting)
			}
			r.s.CPU += r.cost
			r.s.GCCPU += r.cost
			r.s.Cycles++
			r.s.Allocs += r.during
			r.s.Objects, r.frees = r.s.Objects-r.frees, 0
			r.w.collected(r.cost, r.s)
		}
	}
}

// giveBack gives memory back, which is over at once.
func (r *watchRun) giveBack(t *testing.T) {
	t.Helper()
	if !r.w.mayReturn(r.now) {
		t.Fatal("memory may not go back")
	}
	r.w.begin(r.now, CollectReturn, dueNot, r.s)
	if r.w.mayReturn(r.now + time.Minute) {
		t.Error("memory may go back while it does")
	}
	r.w.collected(0, r.s)
	if r.w.mayReturn(r.now) {
		t.Error("memory may go back twice at a time")
	}
}

func newWatchRun() *watchRun {
	return &watchRun{s: Sample{Total: 500 * mib, Objects: 400 * mib}, cost: time.Second}
}

func TestWorkThenSilenceIsCollectedOnce(t *testing.T) {
	r := newWatchRun()
	r.run(10*time.Second, 0.01)
	if r.asked != 0 {
		t.Fatalf("%d collections before any work", r.asked)
	}
	r.run(2*time.Second, 0.8)
	begin := r.now
	r.run(time.Minute, 0.01)
	if r.asked != 1 || r.askedAt-begin > 600*time.Millisecond {
		t.Errorf("%d collections, the last %v after the work", r.asked, r.askedAt-begin)
	}
}

// TestNoiseIsNotWork: on a crowded host an idle guest seems to use several percent.
func TestNoiseIsNotWork(t *testing.T) {
	r := newWatchRun()
	r.run(20*time.Second, 0.05)
	r.asked = 0
	r.run(10*time.Minute, 0.05)
	if r.asked > 0 {
		t.Errorf("%d collections for noise", r.asked)
	}
	// And a moment of work in the noise is still seen.
	r.run(200*time.Millisecond, 0.5)
	r.run(2*time.Second, 0.05)
	if r.asked != 1 {
		t.Errorf("%d collections after work in the noise", r.asked)
	}
	// Two vCPUs make more noise, under emulation, while they are kept after work.
	r.run(200*time.Millisecond, 1.5)
	r.run(time.Second, 0.2)
	if r.asked != 2 {
		t.Errorf("%d collections, with much noise behind the work", r.asked)
	}
}

// TestBurstAfterLongSilence: a burst of work ends a silence, however short it is and whatever the time before it was like. What it drops is
// looked for, and not in its midst.
func TestBurstAfterLongSilence(t *testing.T) {
	r := newWatchRun()
	r.cost = 10 * time.Millisecond
	r.run(2*time.Second, 0.8)
	r.run(5*time.Minute, 0.02)
	before := r.asked
	r.run(100*time.Millisecond, 0.5)
	if r.asked != before {
		t.Error("collected while it works")
	}
	r.frees = 300 * mib
	r.run(time.Second, 0.02)
	if r.s.Objects > 100*mib {
		t.Errorf("%d collections: what the burst dropped is still there", r.asked-before)
	}
}

// TestLoudSilence: an idle program on a slow host, with its timers and our looks, uses a fifth of a vCPU, in one moment more and in another
// less. What it drops is found all the same.
func TestLoudSilence(t *testing.T) {
	r := newWatchRun()
	r.cost = 10 * time.Millisecond
	r.run(2*time.Second, 0.8)
	silent := func(d time.Duration) {
		for end := r.now + d; r.now < end; {
			for _, share := range []float64{0.17, 0.33, 0.15, 0.36, 0.16, 0.32} {
				r.run(100*time.Millisecond, share)
			}
		}
	}
	silent(2 * time.Second)
	r.frees = 300 * mib
	silent(time.Second)
	if r.s.Objects > 100*mib {
		t.Errorf("what was dropped is still there after %d collections", r.asked)
	}
}

// TestWorkAfterLoudSilence: a program whose quiet moments were loud, as two vCPUs are just after work, and which then works at its
// leisure, was not idle. What it drops at the end of that is looked for at once.
func TestWorkAfterLoudSilence(t *testing.T) {
	r := newWatchRun()
	r.run(10*time.Second, 0.8)
	r.run(20*time.Second, 0.2)
	r.asked = 0
	r.s.CPU += time.Second // and the program collects, while it works again
	r.s.GCCPU += time.Second
	r.s.Cycles++
	r.run(10*time.Second, 0.35)
	begin := r.now
	r.run(10*time.Second, 0.01)
	if r.asked == 0 || r.askedAt-begin > time.Second {
		t.Errorf("%d collections, the last %v after the work", r.asked, r.askedAt-begin)
	}
}

// TestWorkBehindAReturn: memory is given back now and then while a program works, which takes processor time of ours, but not all
// that the program uses from then on.
func TestWorkBehindAReturn(t *testing.T) {
	for name, allocs := range map[string]int64{"allocates": 20 * mib, "only frees": 0} {
		t.Run(name, func(t *testing.T) {
			r := newWatchRun()
			r.run(time.Second, 0.5)
			r.giveBack(t)
			r.s.CPU += time.Second // and the program collects
			r.s.GCCPU += time.Second
			r.s.Cycles++
			r.allocs = allocs
			r.run(5*time.Second, 0.5)
			r.allocs = 0
			begin := r.now
			r.run(10*time.Second, 0.01)
			if r.asked != 1 || r.askedAt-begin > 800*time.Millisecond {
				t.Errorf("%d collections, the last %v after the work", r.asked, r.askedAt-begin)
			}
		})
	}
}

// TestFoundGoesBackAtOnce: what a collection of ours finds dead does not wait because memory has just been given back, and what it does not
// find is no reason to.
func TestFoundGoesBackAtOnce(t *testing.T) {
	for _, frees := range []int64{300 * mib, 0} {
		r := newWatchRun()
		r.run(2*time.Second, 0.8)
		r.giveBack(t)
		r.frees = frees
		for r.asked == 0 {
			r.run(100*time.Millisecond, 0.01)
		}
		if got := r.w.mayReturn(r.now); got != (frees > 0) {
			t.Errorf("%v later, %d bytes found dead: may go back: %v", r.now-r.w.lastAt, frees, got)
		}
	}
}

// TestSweepingIsNoWork: what giving back costs is no reason to look for what is dead.
func TestSweepingIsNoWork(t *testing.T) {
	r := newWatchRun()
	r.run(10*time.Second, 0.01)
	r.giveBack(t)
	r.run(time.Second, 0.9)
	r.run(10*time.Second, 0.01)
	if r.asked != 0 {
		t.Errorf("%d collections behind a return", r.asked)
	}
}

// TestDropDuringACollection: what is dropped while the collector marks is still marked; another
// collection must follow, and the collector's own time is no work.
func TestDropDuringACollection(t *testing.T) {
	r := newWatchRun()
	r.run(2*time.Second, 0.5)
	r.run(time.Second, 0.9) // marking, and a drop in the middle of it
	r.s.GCCPU += 900 * time.Millisecond
	r.s.Cycles++
	r.run(2*time.Second, 0.01)
	if r.asked != 1 {
		t.Fatalf("%d collections", r.asked)
	}
	// A cycle without work of the program asks for none.
	r.run(10*time.Second, 0.01)
	r.s.CPU += time.Second
	r.s.GCCPU += time.Second
	r.s.Cycles++
	r.run(10*time.Second, 0.01)
	if r.asked != 1 {
		t.Errorf("%d collections for the collector's own work", r.asked)
	}
}

// TestDropWithoutWork: what is dropped in a silence, by no work that could be seen, is found soon where a collection is cheap, and a silent
// program is not collected for ever.
func TestDropWithoutWork(t *testing.T) {
	const never = time.Minute
	for _, c := range []struct{ cost, silent, within time.Duration }{
		{10 * time.Millisecond, time.Second, 600 * time.Millisecond},
		{10 * time.Millisecond, 3 * time.Second, 600 * time.Millisecond},
		{10 * time.Millisecond, 9 * time.Second, 9 * time.Second},
		{100 * time.Millisecond, time.Second, 2100 * time.Millisecond}, // no sooner than the budget has earned it
		{100 * time.Millisecond, 5 * time.Second, 2100 * time.Millisecond},
		{time.Second, 2 * time.Second, never},
		{10 * time.Millisecond, 30 * time.Second, never},
	} {
		r := newWatchRun()
		r.cost = c.cost
		r.run(2*time.Second, 0.8)
		r.run(c.silent, 0.01)
		before := r.asked
		r.frees = 300 * mib // what the next one finds
		begin := r.now
		for r.s.Objects > 100*mib && r.now-begin < never {
			r.run(100*time.Millisecond, 0.01)
		}
		switch took := r.now - begin; {
		case took > c.within:
			t.Errorf("collections of %v: what is dropped after %v of silence is found %v later", c.cost, c.silent, took)
		case c.within == never && took < never:
			t.Errorf("collections of %v: %d in %v of silence, and another %v later", c.cost, before, c.silent, took)
		}
		if c.within == never {
			continue
		}
		found := r.asked
		r.run(10*time.Minute, 0.01)
		if n := r.asked - found; n > followMost {
			t.Errorf("collections of %v: %d behind the one that found something", c.cost, n)
		}
	}
}

// TestCollectionsEndNoSilence: one that takes so long that it is seen to run is no work of the program's. It must not begin the
// series that follows it anew, for ever.
func TestCollectionsEndNoSilence(t *testing.T) {
	r := newWatchRun()
	r.cost, r.takes = 10*time.Millisecond, 2
	r.run(2*time.Second, 0.8)
	r.run(5*time.Minute, 0.01)
	if r.asked != 1+followMost {
		t.Errorf("%d collections in a silence, want one and the %d that follow it", r.asked, followMost)
	}
}

// TestSweepingEndsNoSilence: what is dropped without work is looked for also if sweeping behind the collection before took a moment.
func TestSweepingEndsNoSilence(t *testing.T) {
	r := newWatchRun()
	r.cost = 10 * time.Millisecond
	r.run(2*time.Second, 0.8)
	for r.asked == 0 {
		r.run(100*time.Millisecond, 0.01)
	}
	r.run(200*time.Millisecond, 0.5)
	r.frees = 300 * mib
	r.run(2*time.Second, 0.01)
	if r.s.Objects > 100*mib {
		t.Errorf("%d collections: what was dropped is still there", r.asked)
	}
}

// TestDisturbedCollectionIsRepeated: what a program does while our collection runs cannot be told from the
// collector by its processor time, but it allocates something. It may have dropped its data then.
func TestDisturbedCollectionIsRepeated(t *testing.T) {
	r := newWatchRun()
	r.during = 64 << 10
	r.run(2*time.Second, 0.8)
	r.run(300*time.Millisecond, 0.01)
	if r.asked != 1 {
		t.Fatalf("%d collections", r.asked)
	}
	r.during = 0
	r.run(time.Minute, 0.01)
	if r.asked != 2 {
		t.Errorf("%d collections, want one more and no third", r.asked)
	}
}

// TestSilenceAtTheGateIsNoSilence: who waits for a grant has not fallen silent.
func TestSilenceAtTheGateIsNoSilence(t *testing.T) {
	r := newWatchRun()
	r.run(2*time.Second, 0.8)
	r.waiting = true
	r.run(time.Minute, 0)
	if r.asked != 0 {
		t.Fatalf("%d collections while it waits", r.asked)
	}
	r.waiting = false
	r.run(2*time.Second, 0)
	if r.asked != 1 {
		t.Errorf("%d collections after it waited", r.asked)
	}
}

// TestDearCollectionWaitsLonger: a collection of seconds must not begin in a short pause.
func TestDearCollectionWaitsLonger(t *testing.T) {
	r := newWatchRun()
	r.cost = 4 * time.Second
	for range 5 {
		r.run(500*time.Millisecond, 0.8)
		r.run(500*time.Millisecond, 0.01)
	}
	// The first of those rounds shows what a collection costs.
	if r.asked > 1 {
		t.Errorf("%d collections of 4 s in pauses of half a second", r.asked)
	}
	r.run(2*time.Second, 0.01)
	if r.asked == 0 {
		t.Error("no collection in a long silence")
	}
}

// TestBudgetBounds: however often a program works a little, collections use no more than their share.
func TestBudgetBounds(t *testing.T) {
	r := newWatchRun()
	for range 600 {
		r.run(200*time.Millisecond, 0.5)
		r.run(800*time.Millisecond, 0.01)
	}
	most := int((budgetMost+time.Duration(0.05*float64(r.now)))/r.cost) + 1
	if r.asked > most {
		t.Errorf("%d collections of 1 s in %v, the budget allows %d", r.asked, r.now, most)
	}
}

// TestRest: a program that holds much is looked at on time while something that it drops by no work may be found.
func TestRest(t *testing.T) {
	for _, c := range []struct {
		name     string
		objects  int64
		followed int
		want     bool
	}{
		{"little", payoffLeast - 1, 0, true},
		{"much", payoffLeast, 0, false},
		{"much, looked for three times", payoffLeast, followMost - 1, false},
		{"much, looked for", payoffLeast, followMost, true},
	} {
		g := NewGovernor(Config{})
		s := Sample{Objects: c.objects, Total: 64 * mib, GOGC: 100}
		g.Granted(0, 256*mib, 0, true)
		g.Step(0, s)
		g.idle.followed = c.followed
		if d := g.Step(time.Second, s); d.Rest != c.want || d.Period != periodMost {
			t.Errorf("%s: at rest %v, looked at after %v, want %v and %v", c.name, d.Rest, d.Period, c.want, periodMost)
		}
	}
}
