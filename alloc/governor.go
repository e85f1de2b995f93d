package alloc

import (
	"io"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/recent"
)

// Config tunes a Governor. The zero value is right.
type Config struct {
	Settle     time.Duration // how long a forecast must stay lower before memory goes back; 0 = 700 ms
	Silence    time.Duration // how long without activity before an idle collection; 0 = 200 ms
	IdleBudget float64       // share of one vCPU that idle collections may use; 0 = 0.05
	Latency    time.Duration // grant latency assumed until one was measured; 0 = 50 ms
	UserLimit  int64         // GOMEMLIMIT that the user set, bytes; 0 = none
	UserGOGC   bool          // the user set GOGC: no price changes it

	// Guest says that the program runs in a guest, whose host pays for each time that it wakes: while it sleeps the
	// Agent waits with a timer of the kernel's.
	Guest bool

	// Trace gets each sample as a line of JSON, a [Moment]; nil = none is written.
	Trace io.Writer

	// Collecting is told how much more than the scheduler's figures show the collector could use; nil = nobody is.
	Collecting func(Need)
}

func (c Config) withDefaults() Config {
	if c.Settle == 0 {
		c.Settle = 700 * time.Millisecond
	}
	if c.Silence == 0 {
		c.Silence = 200 * time.Millisecond
	}
	if c.IdleBudget == 0 {
		c.IdleBudget = 0.05
	}
	if c.Latency == 0 {
		c.Latency = 50 * time.Millisecond
	}
	return c
}

const (
	// step is the granularity of demands: one virtio-mem block.
	step = 2 * mib

	// slackLeast and slackShare: what stays between the limit told to the runtime and the grant,
	// for what the runtime does not count (page tables, its own text, huge pages half used). With
	// less the gate closes before the collector has felt the limit.
	slackLeast = 3 * mib
	slackShare = 32 // 1/32 of the grant

	rateHalfLife    = 500 * time.Millisecond
	latencyHalfLife = 30 * time.Second

	// payoffLeast is the heap in use above which an idle collection can be worth its time.
	payoffLeast = 8 * mib

	// budgetMost caps saved-up idle budget: a burst of a few collections of a large heap.
	budgetMost = 6 * time.Second

	periodLeast = 5 * time.Millisecond

	// periodSafe is enough while the grant holds all that is forecast until the next collection ends. Only
	// what no forecast foresees could outrun it, and no sampler catches that in time.
	periodSafe = 40 * time.Millisecond

	// periodWatch is how often a program is looked at that has worked and is falling silent, until it
	// is collected: what it dropped is waiting to go back.
	periodWatch = 25 * time.Millisecond
	periodMost  = 100 * time.Millisecond
)

// Statement is what the application states to PID 1 about its memory.
type Statement struct {
	Memory  uint64 // bytes wanted
	Floor   uint64 // bytes it cannot live below right now
	Urgency hvcall.Urgency
	Reason  hvcall.Reason
}

// Collect says which collection a Decision asks for.
type Collect uint8

// The kinds of collection.
const (
	CollectNone   Collect = iota
	CollectIdle           // find out what is dead: the program fell silent
	CollectReturn         // collect and give free memory back, before demanding less
)

// Decision is what a Governor wants done after one sample.
type Decision struct {
	Admitted  []uint64  // reservations that may go on
	Refused   []uint64  // reservations that will never be granted
	State     bool      // Statement is new and should be stated
	Statement Statement // the standing statement
	Limit     int64     // memory limit for the runtime, bytes
	GOGC      int64     // percent to set; 0 = leave it
	Paused    bool      // no collection may begin: see starvation
	Yielded   bool      // the program set GOGC itself: it is left alone from now on
	Collect   Collect   // do this off the sampling goroutine, call Collected, then sample again; none is asked for before that
	Wide      bool      // Collect is long enough to be worth more vCPUs
	Need      Need      // of the collections that the program begins itself
	Period    time.Duration
	Rest      bool // the program is at rest and has nothing to find: the next look need not wake it for itself
	Pressure  Pressure
}

// Governor is the policy of one application's memory: samples and grants in, decisions out. It has
// no clock and does no I/O; now is the time since any fixed moment. It is not safe for
// concurrent use.
type Governor struct {
	cfg Config

	granted  int64 // what we may hold
	stated   int64 // what we demanded last
	statedAt time.Duration
	waiting  bool // a higher demand stands that no grant has answered yet
	lowered  bool // the newest demand was lower than the one before

	rate    recent.High // bytes allocated per second
	latency recent.High // seconds from a demand to its grant
	lately  recent.Window
	last    Sample
	started bool
	rateAt  time.Duration // when the rate was last measured
	rated   int64         // Sample.Allocs at that time

	admission admission
	answered  bool         // the newest statement has been answered by a grant
	why       hvcall.Limit // what stood against more in the newest grant

	tight   bool  // see Tighten
	offHeap int64 // bytes mapped outside the heap, which no memory limit counts

	idle   idleWatch
	rule   heapRule
	starve starvation
	cycles cycleWatch
	beside beside
}

// NewGovernor returns a Governor that holds nothing yet.
func NewGovernor(cfg Config) *Governor {
	return &Governor{cfg: cfg.withDefaults(), rule: heapRule{yielded: cfg.UserGOGC}}
}

// Priced takes in the price of memory, in the unit of [hvcall.Grant].
func (g *Governor) Priced(price uint64) { g.rule.price = price }

// Granted takes in what the application may hold from now on, why not more, and whether that answers
// the newest statement.
func (g *Governor) Granted(now time.Duration, bytes int64, why hvcall.Limit, answered bool) {
	g.why, g.answered = why, answered
	switch {
	case g.waiting && bytes >= g.stated:
		g.waiting = false
		g.latency.Add(now, (now - g.statedAt).Seconds(), latencyHalfLife)
	case g.waiting && answered:
		g.waiting = false // refused: how long the host has nothing to give is no latency
	}
	g.granted = bytes
}

// Step takes in a sample and decides.
func (g *Governor) Step(now time.Duration, s Sample) Decision {
	g.observe(now, s)
	ended := g.cycles.step(now, s)
	percent, yielded := g.rule.step(now, s)
	if percent != 0 {
		if percent < s.GOGC {
			g.lately = recent.Window{} // a decision, and no passing low: it counts at once
		}
		s.GOGC = percent // it is set before anything else happens
	}
	s = g.tightened(s)
	margin := g.margin(now)
	base := g.forecast(s) + margin + g.offHeap
	base += slack(base)
	want := roundUp(base + g.admission.total())
	settled := roundUp(g.lately.Add(now, want, g.cycles.settle(g.cfg.Settle)))
	d := Decision{GOGC: percent, Yielded: yielded}
	due := g.idle.step(now, s, g.cfg, g.waiting)
	if due != dueNot {
		d.Collect = CollectIdle
	}
	switch {
	case want > g.stated:
		d.State = true
		g.state(now, want)
	case g.why == hvcall.LimitLate:
		// A program that waits for memory allocates nothing, and looks as if it needed less than it asked for.
	case settled <= g.stated-dead(g.stated):
		// Shrink first, then tell: nothing is stated while more than that is held.
		if s.Held()+g.offHeap > settled && g.idle.mayReturn(now) {
			d.Collect = CollectReturn
		} else if s.Held()+g.offHeap <= settled {
			d.State = true
			g.state(now, settled)
		}
	}
	d.Admitted, d.Refused = g.admit(base)
	d.Statement = g.statement(s, margin)
	d.Limit = g.limit()
	d.Paused = g.starve.step(s, d.Limit, g.why == hvcall.LimitLate)
	if s.Held() > d.Limit && s.Free > s.Held()-d.Limit && g.idle.mayReturn(now) {
		// The host took some back. What is free already goes at once; the limit does the rest.
		d.Collect = CollectReturn
	}
	if d.Paused {
		d.Collect = CollectNone // it would wait for whoever waits
	}
	g.idle.begin(now, d.Collect, due, s)
	d.Wide = d.Collect != CollectNone && g.idle.wide()
	if g.beside.step(now, s, g.cycles, ended) {
		d.Need = NeedBeside
	}
	if g.idle.flight.on && g.idle.wide() {
		d.Need = NeedAll
	}
	d.Period = g.period(now, s, base)
	d.Rest = d.Period == periodMost && !g.idle.searching(g.cfg)
	d.Pressure = pressure(s.Held(), d.Limit, g.granted, g.stated, now-g.statedAt, g.latency.Get(now, latencyHalfLife), g.answered)
	return d
}

func (g *Governor) observe(now time.Duration, s Sample) {
	// Samples come close together around the end of a collection. What is allocated in a fraction of a
	// millisecond is a burst and no rate; taken for one it has the sampler run as fast as it can.
	if dt := now - g.rateAt; g.started && dt >= periodLeast && s.Allocs >= g.rated {
		g.rate.Add(now, float64(s.Allocs-g.rated)/dt.Seconds(), rateHalfLife)
		g.rateAt, g.rated = now, s.Allocs
	}
	if !g.started {
		g.latency.Add(now, g.cfg.Latency.Seconds(), latencyHalfLife)
		g.rateAt, g.rated = now, s.Allocs
	}
	g.last, g.started = s, true
}

// Collected takes in that the collection which a Decision asked for is over, at the given cost of processor time; after is a
// sample taken after it. A program that is silent has no recent past that could come back within
// moments, neither its size nor its haste, so behind one that was due the lower forecast counts at once.
func (g *Governor) Collected(cost time.Duration, after Sample) {
	if !g.idle.collected(cost, after) {
		return
	}
	g.lately = recent.Window{}
	if !g.idle.stirred {
		g.rate = recent.High{}
	}
}

// forecast is what the process should reach. Where the user set a limit the runtime collects rather than pass it, unless all of that is in use.
func (g *Governor) forecast(s Sample) int64 {
	f := Forecast(s)
	if g.cfg.UserLimit > 0 {
		f = max(min(f, g.cfg.UserLimit), s.Held()-s.Free)
	}
	return f
}

// margin is what may be allocated between knowing and having. It never exceeds the heap itself: a
// measured rate in one short interval is no promise.
func (g *Governor) margin(now time.Duration) int64 {
	late := g.latency.Get(now, latencyHalfLife) + periodLeast.Seconds()
	most := max(g.last.Held()/2, 4*mib)
	// Compared before it is converted: what two samples a nanosecond apart say of a rate fits no integer.
	return int64(min(g.rate.Get(now, rateHalfLife)*late, float64(most))) + mib
}

func (g *Governor) state(now time.Duration, bytes int64) {
	g.waiting, g.lowered = bytes > g.stated, bytes < g.stated
	g.stated, g.statedAt, g.answered = bytes, now, false
}

func (g *Governor) statement(s Sample, margin int64) Statement {
	st := Statement{Memory: uint64(g.stated), Floor: uint64(min(s.Held()+g.offHeap, g.stated)), Reason: hvcall.ReasonForecast, Urgency: hvcall.UrgencyAhead}
	switch {
	case g.lowered:
		st.Urgency, st.Reason = hvcall.UrgencyIdle, hvcall.ReasonShrink
	case s.Held()+g.offHeap+margin > g.granted:
		st.Urgency = hvcall.UrgencySoon
	}
	return st
}

// limit is what the runtime may hold: the grant less slack, or the user's own limit if that is lower.
// A shrink that is under way counts as done, so that the heap does not grow back meanwhile.
func (g *Governor) limit() int64 {
	l := g.granted
	if g.stated < l && !g.waiting {
		l = g.stated
	}
	l -= slack(l) + g.offHeap
	if g.cfg.UserLimit > 0 {
		l = min(l, g.cfg.UserLimit)
	}
	return max(l, mib)
}

// period is how long the sampler may sleep: a quarter of the time until what is granted runs out
// at the present rate, where it can. base is what is needed until the next collection ends.
func (g *Governor) period(now time.Duration, s Sample, base int64) time.Duration {
	rate := g.rate.Get(now, rateHalfLife)
	room := g.granted - g.offHeap - s.Held()
	least, most := periodLeast, periodMost
	if base <= g.granted && s.GOGC >= 0 {
		least = periodSafe
	}
	if g.idle.watching() {
		most = periodWatch
	}
	if rate < 1 {
		return most
	}
	until := time.Duration(float64(max(room, 0)) / rate / 4 * float64(time.Second))
	return min(max(until, least), most)
}

// dead is the band in which a lower forecast is not worth stating: an eighth, at least two blocks.
func dead(stated int64) int64 { return max(stated/8, 2*step) }

func slack(n int64) int64 { return max(slackLeast, n/slackShare) }

// roundUp rounds up to blocks, and for large sizes to a 32nd of the size: a demand that creeps up
// block by block would be stated a hundred times on the way.
func roundUp(n int64) int64 {
	grain := int64(step)
	for grain < n/32 {
		grain *= 2
	}
	return (n + grain - 1) / grain * grain
}
