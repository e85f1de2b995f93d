package alloc

import (
	"context"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/alarm"
	"github.com/silo-os/silo/internal/moments"
)

// Agent drives a Governor in a running program: it samples, hooks the end of each collection,
// sets the memory limit and collects when told.
type Agent struct {
	state func(Statement)
	log   *slog.Logger
	start time.Time
	trace moments.Recorder[Moment] // only used by step
	guest bool                     // see Config
	wake  chan struct{}
	along along

	collector collector // used by Run alone
	needs     needs

	mu       sync.Mutex
	gov      *Governor
	meter    *meter
	standing Statement
	parked   map[uint64]parked // goroutines in Reserve by their ticket; guarded by mu
	last     Sample

	pressure Pressure
	watchers []*watcher
	ended    bool // Run has returned or is about to

	done chan struct{} // closed when Run ends
	work sync.WaitGroup
}

// New returns an Agent that calls state, from its own goroutine, with each new Statement. What the user set
// is respected: the limit never rises above a GOMEMLIMIT, and GOGC is left alone once the environment or
// the program has set it.
func New(cfg Config, log *slog.Logger, state func(Statement)) *Agent {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if user := debug.SetMemoryLimit(-1); cfg.UserLimit == 0 && user != math.MaxInt64 {
		cfg.UserLimit = user
		log.Info("GOMEMLIMIT is set: the heap will not grow beyond it whatever the host grants", "bytes", user)
	}
	if user := os.Getenv("GOGC"); user != "" {
		cfg.UserGOGC = true
		log.Info("GOGC is set: the price of memory does not change it", "percent", user)
	}
	if cfg.Collecting == nil {
		cfg.Collecting = func(Need) {}
	}
	a := &Agent{
		state: state, needs: needs{tell: cfg.Collecting}, log: log, start: time.Now(), trace: moments.Recorder[Moment]{W: cfg.Trace}, wake: make(chan struct{}, 1), guest: cfg.Guest,
		gov: NewGovernor(cfg), collector: collector{user: cfg.UserLimit}, meter: newMeter(), parked: make(map[uint64]parked), done: make(chan struct{}),
	}
	return a
}

// Grant takes in what the application may hold from now on. answered says that it answers the newest
// Statement: only then a refusal in it is one.
func (a *Agent) Grant(g hvcall.Grant, answered bool) {
	a.mu.Lock()
	a.gov.Priced(g.Price)
	a.gov.Granted(time.Since(a.start), int64(min(g.Memory, math.MaxInt64)), g.Limit, answered)
	a.mu.Unlock()
	a.poke()
}

// Standing is the newest Statement and the Sample it was made from.
func (a *Agent) Standing() (Statement, Sample) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.standing, a.last
}

func (a *Agent) poke() {
	select {
	case a.wake <- struct{}{}:
	default: // one wake-up is already pending, and it will see everything
	}
}

// Run governs until ctx ends. It runs once.
func (a *Agent) Run(ctx context.Context) {
	hook := hookCycles(a.poke)
	defer hook.stop()
	a.govern(ctx)
}

func (a *Agent) govern(ctx context.Context) {
	defer a.work.Wait()
	defer a.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := alarm.In(a.guest, a.log)
	defer pause.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		case <-pause.C():
		}
		pause.Arm(timer, a.step())
	}
}

// Along says that the process is awake, for whatever reason. It is meant to be called with each look of another agent: a program at rest is
// then woken for both at once. It does not wait.
func (a *Agent) Along() {
	if a.along.came(time.Since(a.start)) {
		a.poke()
	}
}

// end lets all who wait for the agent go: its watchers and, refused, those in Reserve.
func (a *Agent) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	close(a.done)
	for id, p := range a.parked {
		p.done <- &RefusedError{Wanted: p.bytes, Granted: a.gov.granted, Limit: a.gov.why, Err: context.Canceled}
		delete(a.parked, id)
	}
}

func (a *Agent) step() time.Duration {
	a.mu.Lock()
	s := a.collector.see(a.meter.read())
	now := time.Since(a.start)
	d := a.gov.Step(now, s)
	a.standing, a.last = d.Statement, s
	a.answer(d)
	if d.Pressure != a.pressure {
		a.pressure = d.Pressure
		for _, w := range a.watchers {
			w.tell(d.Pressure)
		}
	}
	a.mu.Unlock()
	a.collector.apply(d, s.GOGC, a.log)
	if err := a.trace.Add(Moment{now, s}); err != nil {
		a.log.Warn("samples are not recorded any more", "err", err)
	}
	if d.State {
		a.state(d.Statement)
	}
	a.needs.set(byProgram, d.Need)
	if d.Collect != CollectNone {
		a.collect(d)
	}
	return a.along.sleep(now, d.Period, d.Rest)
}

// collect collects beside the sampler, which must go on. The Governor asks for one at a time.
func (a *Agent) collect(d Decision) {
	a.work.Go(func() {
		defer a.poke()
		if d.Wide {
			a.needs.set(byAgent, NeedAll)
			defer a.needs.set(byAgent, NeedNone)
		}
		before := a.gcCPU()
		if d.Collect == CollectReturn {
			debug.FreeOSMemory()
		} else {
			runtime.GC()
		}
		cost := a.gcCPU() - before
		a.log.Debug("collected", "kind", d.Collect, "cost", cost)
		a.collected(cost)
	})
}

func (a *Agent) collected(cost time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gov.Collected(cost, a.meter.read())
}

func (a *Agent) gcCPU() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.meter.read().GCCPU
}
