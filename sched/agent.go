package sched

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// Statement is what the application states to PID 1 about its vCPUs.
type Statement struct {
	MilliCPU uint32 // thousandths of a vCPU wanted
}

// Agent drives a Governor in a running program.
type Agent struct {
	state  func(Statement)
	log    *slog.Logger
	start  time.Time
	pinned bool // the user set GOMAXPROCS
	max    int

	mu      sync.Mutex
	gov     *Governor
	granted int  // whole vCPUs
	expect  int  // see Expect
	spare   bool // see Spare
	samples [3]metrics.Sample
}

// New returns an Agent that calls state, from its own goroutine, with each new Statement. With GOMAXPROCS
// in the environment the demand is exactly that and stays.
func New(cfg Config, log *slog.Logger, state func(Statement)) *Agent {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{state: state, log: log, start: time.Now(), gov: NewGovernor(cfg), granted: 1, max: cfg.withDefaults().Max}
	for i, name := range [...]string{
		"/sched/goroutines/running:goroutines",
		"/sched/goroutines/runnable:goroutines",
		"/sched/gomaxprocs:threads",
	} {
		a.samples[i].Name = name
	}
	if os.Getenv("GOMAXPROCS") != "" {
		a.pinned = true
		log.Info("GOMAXPROCS is set: vCPUs are demanded for it and it is not changed", "procs", runtime.GOMAXPROCS(0))
	}
	return a
}

// Grant takes in how many thousandths of a vCPU the application may use and sets GOMAXPROCS to
// the whole vCPUs in it, at least one. When it returns, no goroutine runs on more than that.
func (a *Agent) Grant(milli uint32) {
	whole := max(1, int(milli+999)/1000)
	a.mu.Lock()
	changed := whole != a.granted && !a.spare
	a.granted = whole
	a.mu.Unlock()
	if changed && !a.pinned {
		runtime.GOMAXPROCS(whole)
	}
}

// spareProcs is how many goroutines may wait for memory before those that need none stand still too.
const spareProcs = 4

// Spare lets a few goroutines more run than there are vCPUs, for those that wait for memory in their page
// faults, each holding a processor of the Go scheduler. While it lasts GOMAXPROCS is not changed otherwise:
// that would stop the world, which waits for whoever waits.
func (a *Agent) Spare(on bool) {
	a.mu.Lock()
	same := a.spare == on
	a.spare = on
	procs := a.granted
	a.mu.Unlock()
	if on {
		procs += spareProcs
	}
	if !same && !a.pinned {
		runtime.GOMAXPROCS(procs)
	}
}

// Run governs until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	if a.pinned {
		a.state(Statement{MilliCPU: uint32(min(runtime.GOMAXPROCS(0), a.max)) * 1000})
		<-ctx.Done()
		return
	}
	a.mu.Lock()
	whole := a.granted
	a.mu.Unlock()
	runtime.GOMAXPROCS(whole + spareProcs) // see Spare: what they are made of must not be missing then
	runtime.GOMAXPROCS(whole)              // PID 1 starts the application with more visible, so that NumCPU is right
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(a.step())
	}
}

func (a *Agent) step() time.Duration {
	a.mu.Lock()
	want, changed, period := a.gov.Step(time.Since(a.start), a.read())
	granted := a.granted
	a.mu.Unlock()
	if !changed {
		return period
	}
	if want < granted {
		a.Grant(uint32(want) * 1000) // shrink first, then tell
	}
	a.state(Statement{MilliCPU: uint32(want) * 1000})
	return period
}

func (a *Agent) read() Sample {
	metrics.Read(a.samples[:])
	n := func(i int) int {
		if v := a.samples[i].Value; v.Kind() == metrics.KindUint64 {
			return int(v.Uint64())
		}
		return 0
	}
	// The sampler itself is one of those that run.
	return Sample{Running: n(0), Runnable: max(n(1), a.expect+1-n(0)), Procs: n(2)}
}

// Expect says that there is work for so many vCPUs which the scheduler's figures do not show, such as a
// collection; 0 takes it back.
func (a *Agent) Expect(vcpus int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expect = vcpus
}
