package sched

import (
	"time"

	"github.com/silo-os/silo/internal/recent"
)

// Sample is what the Go scheduler said of itself at one moment.
type Sample struct {
	Running  int // goroutines that run, the sampler's own included
	Runnable int // goroutines that could run but wait for a processor
	Procs    int // GOMAXPROCS
}

// Config tunes a Governor. The zero value is right.
type Config struct {
	Max    int           // most vCPUs ever to ask for; 0 = as many as the host offers
	Rise   time.Duration // how long goroutines must wait before more is asked; 0 = 8 ms
	Settle time.Duration // how long vCPUs must be spare before fewer are asked; 0 = 2 s
	Pace   time.Duration // least time between two changes; 0 = 100 ms
}

func (c Config) withDefaults() Config {
	if c.Max == 0 {
		c.Max = 1
	}
	if c.Rise == 0 {
		c.Rise = 8 * time.Millisecond
	}
	if c.Settle == 0 {
		c.Settle = 2 * time.Second
	}
	if c.Pace == 0 {
		c.Pace = 100 * time.Millisecond
	}
	return c
}

const (
	// periodBusy and periodQuiet bound how often the scheduler is looked at. Under load a look each
	// few milliseconds is lost in the noise; an idle guest must stay asleep.
	periodBusy  = 4 * time.Millisecond
	periodQuiet = 50 * time.Millisecond

	// spare is the load on each vCPU that would remain, in thousandths, below which one is spare.
	spare = 850
)

// Governor is the policy of one application's vCPUs: samples in, vCPUs wanted out. It has no clock;
// now is the time since any fixed moment. It is not safe for concurrent use.
type Governor struct {
	cfg Config

	want      int
	changedAt time.Duration
	waitingAt time.Duration // since when goroutines wait without a break; 0 = none wait
	load      mean          // goroutines running or runnable
	lately    recent.Window // highest load within Settle, in thousandths
	top       int64         // what lately said last
	lastAt    time.Duration
}

// NewGovernor returns a Governor that wants one vCPU.
func NewGovernor(cfg Config) *Governor { return &Governor{cfg: cfg.withDefaults(), want: 1} }

// Step takes in a sample. It returns how many vCPUs are wanted, whether that changed, and how long
// the sampler may sleep.
func (g *Governor) Step(now time.Duration, s Sample) (want int, changed bool, period time.Duration) {
	// The sampler itself runs while it looks: it is not load.
	busy := max(0, s.Running-1) + s.Runnable
	load := g.load.add(float64(busy), now-g.lastAt)
	g.top = g.lately.Add(now, int64(load*1000), g.cfg.Settle)
	g.lastAt = now
	before := g.want
	g.rise(now, s, busy)
	g.fall(now)
	return g.want, g.want != before, g.period(busy)
}

func (g *Governor) rise(now time.Duration, s Sample, busy int) {
	if s.Runnable == 0 {
		g.waitingAt = 0
		return
	}
	if g.waitingAt == 0 {
		g.waitingAt = now
	}
	// A demand above what is granted stands already; it needs no second word.
	if now-g.waitingAt < g.cfg.Rise || !g.mayChange(now) {
		return
	}
	if target := min(busy, g.cfg.Max); target > g.want {
		g.want, g.changedAt = target, now
	}
}

func (g *Governor) fall(now time.Duration) {
	if g.want <= 1 || now-g.changedAt < g.cfg.Settle {
		return
	}
	target := g.want
	for target > 1 && g.top < int64(target-1)*spare {
		target--
	}
	if target < g.want {
		g.want, g.changedAt = target, now
	}
}

func (g *Governor) mayChange(now time.Duration) bool {
	return g.changedAt == 0 || now-g.changedAt >= g.cfg.Pace
}

func (g *Governor) period(busy int) time.Duration {
	if busy > 0 {
		return periodBusy
	}
	return periodQuiet
}

// mean is an exponential mean, weighted by how long each value lasted.
type mean struct {
	value float64
	begun bool
}

// smooth is the time constant of the load: long enough to see over a garbage collection's bursts,
// short against Settle.
const smooth = 250 * time.Millisecond

func (m *mean) add(v float64, lasted time.Duration) float64 {
	if !m.begun {
		m.value, m.begun = v, true
	}
	m.value += (v - m.value) * min(1, float64(lasted)/float64(smooth))
	return m.value
}
