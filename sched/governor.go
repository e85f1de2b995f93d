package sched

import (
	"time"

	"github.com/silo-os/silo/internal/recent"
)

const (
	// spare is the load on each vCPU that would remain, in thousandths, below which one is spare; idle is
	// where it is so without any doubt.
	spare = 850
	idle  = 500

	// doubt is how many times Settle it takes to give a vCPU up between the two, at first. Each time that
	// turns out to have been wrong it doubles, up to doubtMost.
	doubt     = 4
	doubtMost = 64

	// unbroken is the part of Rise for which goroutines must have waited without a break: what is gone by then
	// would be gone before any grant.
	unbroken = 8

	// crowded is how many goroutines wait on average where work queues up in short bouts, none of which is
	// worth a vCPU by itself.
	crowded = 0.5
)

// Stolen is the steal, in thousandths, from which on more vCPUs would only fight with those there are. It is what
// the broker takes for a crowd: a vCPU that waits for less is worth having, and a guest that hardly runs waits for
// that much now and then on any host.
const Stolen = 250

// Governor is the policy of one program's vCPUs: samples in, vCPUs wanted out. It has no clock;
// now is the time since any fixed moment. It is not safe for concurrent use.
type Governor struct {
	cfg  Config
	want int
	look look

	last      Sample
	waited    int // goroutines that waited in it
	lastAt    time.Duration
	begun     bool
	changedAt time.Duration

	waitingAt time.Duration // since when goroutines wait without a break; 0 = none wait
	waiting   time.Duration // how long they did since then, all together

	load   mean          // vCPUs used, and goroutines that wait for one
	queue  mean          // goroutines that wait
	used   mean          // vCPUs used
	lately recent.Window // highest load within Settle, in thousandths
	top    int64         // what lately said last
	fall   fall
	probe  probe
}

// NewGovernor returns a Governor that wants one vCPU.
func NewGovernor(cfg Config) *Governor { return &Governor{cfg: cfg.withDefaults(), want: 1} }

// Step takes in a sample. It returns how many vCPUs are wanted, whether that changed, and how long
// the sampler may sleep.
func (g *Governor) Step(now time.Duration, s Sample) (want int, changed bool, period time.Duration) {
	before, shown := g.want, s
	s = s.withExpected()
	g.measure(now, s)
	g.rise(now, s)
	g.give(now)
	if g.want == before {
		g.try(now, s)
	}
	g.last, g.lastAt, g.waited, g.begun = s, now, s.waits(before), true
	if s.could() > g.want {
		shown = s // who is expected, and could be given a vCPU, is waited for
	}
	return g.want, g.want != before, g.look.next(now, shown, shown.waits(g.want), g.want < g.cfg.Max)
}

// measure learns the load from what the program used and what it waited for since the last sample.
func (g *Governor) measure(now time.Duration, s Sample) {
	dt := now - g.lastAt
	if !g.begun || dt <= 0 {
		g.waitingAt = now
		return
	}
	used := min(share(s.CPU-g.last.CPU, dt), float64(max(s.Procs, 1)))
	g.used.add(used, dt)
	g.queue.add(share(s.Waited-g.last.Waited, dt), dt)
	// A look tells who waits at that moment: after a long pause by chance. A crowd is not remembered for longer than a few.
	waits := s.waits(g.want)
	load := min(used+float64(waits)*min(1, share(lookActive, dt)), float64(g.cfg.Max))
	g.top = g.lately.Add(now, int64(g.load.add(load, dt)*1000), g.cfg.Settle)
	if waits == 0 || g.waited == 0 {
		g.waitingAt, g.waiting = now, 0
	}
	g.waiting += time.Duration(min(waits, g.waited)) * dt
}

func share(part, of time.Duration) float64 { return max(0, float64(part)/float64(of)) }

// rise asks for more when goroutines wait that would run at once, or when work keeps queueing up.
func (g *Governor) rise(now time.Duration, s Sample) {
	// A demand above what is granted stands already; it needs no second word.
	if !g.mayChange(now) || s.Steal >= Stolen {
		return
	}
	target := g.want
	if s.waits(g.want) > 0 && g.waiting >= g.cfg.Rise && now-g.waitingAt >= g.cfg.Rise/unbroken {
		target = s.could()
	} else if g.queue.value >= crowded && g.used.value*1000 >= float64(g.want*spare) {
		target = g.want + 1
	}
	if target = min(target, g.cfg.Max); target > g.want {
		g.fall.rose(now, g.cfg.Settle)
		g.want, g.changedAt = target, now
		g.queue.value = 0 // what waited until now is being seen to
	}
}

// give asks for fewer when what remains will do.
func (g *Governor) give(now time.Duration) {
	if g.want <= 1 {
		return
	}
	target := g.want
	for target > 1 && g.fall.ripe(now-g.changedAt, g.top, target-1, g.cfg.Settle) {
		target--
	}
	if target < g.want {
		g.fall.fell(now, g.top >= int64(target*idle))
		g.want, g.changedAt = target, now
		g.queue.value = 0
	}
}

// try asks for one more where the samples cannot show that it would be used.
func (g *Governor) try(now time.Duration, s Sample) {
	if !g.cfg.Probe || s.Steal >= Stolen {
		return
	}
	if by := g.probe.next(now, g.want, g.cfg.Max, g.used.value, g.cfg.Settle); by != 0 {
		g.want, g.changedAt = max(1, g.want+by), now
	}
}

func (g *Governor) mayChange(now time.Duration) bool {
	return g.changedAt == 0 || now-g.changedAt >= g.cfg.Pace
}

// fall knows how long to wait before a vCPU is given up.
type fall struct {
	factor   time.Duration // of Settle, where there is doubt; 0 = doubt
	at       time.Duration // of the last that was in doubt
	doubtful bool          // there was one
}

// ripe reports whether all but `rest` vCPUs may be given up, after the load has been below top for Settle and
// nothing has changed for so long.
func (f *fall) ripe(since time.Duration, top int64, rest int, settle time.Duration) bool {
	switch {
	case top < int64(rest*idle):
		return since >= settle
	case top < int64(rest*spare):
		return since >= settle*f.times()
	}
	return false
}

func (f *fall) times() time.Duration {
	if f.factor == 0 {
		return doubt
	}
	return f.factor
}

func (f *fall) fell(now time.Duration, doubtful bool) { f.at, f.doubtful = now, doubtful }

// rose takes in that more was asked for: a fall in doubt shortly before was a mistake.
func (f *fall) rose(now, settle time.Duration) {
	if f.doubtful && now-f.at < settle*f.times() {
		f.factor = min(2*f.times(), doubtMost)
	}
	f.doubtful = false
}
