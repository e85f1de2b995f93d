package sched

import (
	"context"
	"log/slog"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/silo-os/silo/internal/alarm"
	"github.com/silo-os/silo/internal/moments"
)

// Statement is what the application states to PID 1 about its vCPUs.
type Statement struct {
	MilliCPU uint32 // thousandths of a vCPU wanted
}

// Agent drives a Governor in a running program. Its methods may be called from any goroutine.
type Agent struct {
	cfg    Config
	state  func(Statement)
	log    *slog.Logger
	start  time.Time
	pinned bool // the user set GOMAXPROCS
	steal  atomic.Uint32
	kick   chan struct{}            // a look is due now
	trace  moments.Recorder[Moment] // only used by step

	threads atomic.Int32 // made ahead, for the most vCPUs so far

	width   sync.Mutex   // held while GOMAXPROCS changes, so that the last change is the newest; taken before mu
	spread  atomic.Int32 // vCPUs that the program's threads were brought to last; 0 = not yet; changed under width
	changes changes      // guarded by width

	mu       sync.Mutex
	gov      *Governor
	granted  int           // whole vCPUs; 0 = nothing was said yet
	stated   int           // vCPUs wanted, as last stated
	statedAt time.Duration // when that was
	expects  map[any]int   // see Expect
	spare    bool          // see Spare
	unmet    bool          // the host has known of the demand for unmetAfter and has not met it
	raiseAt  time.Duration // when GOMAXPROCS is to be raised, where that had to wait; 0 = it had not
	reader   *reader

	hearers hearers
}

// New returns an Agent that calls state, from its own goroutine, with each new Statement. With GOMAXPROCS
// in the environment the demand is exactly that and stays.
func New(cfg Config, log *slog.Logger, state func(Statement)) *Agent {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{
		cfg: cfg.withDefaults(), state: state, log: log, start: time.Now(), gov: NewGovernor(cfg),
		kick: make(chan struct{}, 1), expects: make(map[any]int), reader: newReader(), trace: moments.Recorder[Moment]{W: cfg.Trace},
	}
	if os.Getenv("GOMAXPROCS") != "" {
		a.pinned = true
		log.Info("GOMAXPROCS is set: vCPUs are demanded for it and it is not changed", "procs", runtime.GOMAXPROCS(0))
	}
	return a
}

// Grant takes in how many thousandths of a vCPU the application may use and sets GOMAXPROCS to
// the whole vCPUs in it, at least one. When it returns, no goroutine runs on more than that. The first one is due
// before Run: PID 1 starts the application with more vCPUs visible, so that NumCPU is right.
func (a *Agent) Grant(milli uint32) {
	whole := max(1, int(milli+999)/1000)
	a.mu.Lock()
	a.use(whole)
}

// shrink has the program use no more vCPUs than it is about to say that it wants.
func (a *Agent) shrink(want int) {
	a.mu.Lock()
	a.use(min(want, a.granted)) // there may be a newer grant than when it was decided
}

// use sets how many vCPUs the program may use. The lock is held, and released.
func (a *Agent) use(whole int) {
	changed, spare := whole != a.granted, a.spare
	a.granted = whole
	if changed {
		a.unmet = a.unmet && a.stated > whole
	}
	a.mu.Unlock()
	if !changed {
		return
	}
	if !spare { // it is done when that ends
		a.setProcs()
	}
	a.tell()
}

// Steal takes in how much of the time that the program's vCPUs wanted to run others ran in their place,
// thousandths, as the host measured it lately: no more are asked for meanwhile.
func (a *Agent) Steal(milli uint32) { a.steal.Store(milli) }

// spareProcs is how many goroutines may wait for memory before those that need none stand still too.
const spareProcs = 4

// Spare lets a few goroutines more run than there are vCPUs, for those that wait for memory in their page
// faults, each holding a processor of the Go scheduler. While it lasts GOMAXPROCS is not changed otherwise:
// that would stop the world, which waits for whoever waits.
func (a *Agent) Spare(on bool) {
	a.mu.Lock()
	same := a.spare == on
	a.spare = on
	a.mu.Unlock()
	if !same {
		a.setProcs()
		a.tell()
	}
}

// setProcs brings GOMAXPROCS to what is granted, and spare: now, or, where it has changed too often lately and would rise, as soon as it may.
func (a *Agent) setProcs() {
	if a.pinned {
		return
	}
	a.width.Lock()
	defer a.width.Unlock()
	a.mu.Lock()
	granted, spare := max(a.granted, 1), a.spare
	procs, now := a.procs(granted), time.Since(a.start)
	before, raises := int(a.spread.Load()), procs-runtime.GOMAXPROCS(0)
	a.raiseAt = 0
	if wait := a.changes.wait(now); wait > 0 && raises > 0 && !spare {
		a.raiseAt = now + wait
	}
	late := a.raiseAt != 0
	a.mu.Unlock()
	if late {
		a.lookNow()
		return
	}
	if raises != 0 || spare {
		a.changes.made(now)
	}
	if before == 0 && !spare {
		// The runtime makes once what spare processors are made of: it must be there when memory is not. It does so
		// before the program begins, which would take them for its own.
		runtime.GOMAXPROCS(granted + spareProcs)
		a.keepThreads(granted)
	}
	switch {
	case spare:
		runtime.GOMAXPROCS(granted + spareProcs)
		go warm(granted+spareProcs, warmWithin)
		return
	case before > 0 && granted > before:
		widen(before, granted, procs)
		go a.keepThreads(granted)
	default:
		runtime.GOMAXPROCS(procs)
	}
	a.spread.Store(int32(granted))
}

// catchUp raises GOMAXPROCS where that had to wait, and returns how long it still has to.
func (a *Agent) catchUp(now time.Duration) time.Duration {
	a.mu.Lock()
	at := a.raiseAt
	a.mu.Unlock()
	switch {
	case at == 0:
		return math.MaxInt64
	case now < at:
		return at - now
	}
	a.setProcs()
	a.tell()
	return math.MaxInt64
}

// procs is the GOMAXPROCS of a program in a guest that has so many vCPUs: one more, as far as it could ever be used. Its thread is the
// one that waits for a vCPU where the kernel sees it. Once the host knows and cannot help that, its turns are only in the way of who holds a
// lock. The lock is held.
func (a *Agent) procs(vcpus int) int {
	if !a.cfg.Guest || a.unmet {
		return vcpus
	}
	return max(vcpus, min(vcpus+1, a.cfg.Max))
}

// spareThreads are for goroutines in system calls, beside those that each processor of the Go scheduler has.
const spareThreads = 2

// keepThreads makes the threads that a program on so many vCPUs may need while memory is late, if it has not yet.
func (a *Agent) keepThreads(vcpus int) {
	n := int32(vcpus + spareProcs + spareThreads)
	if made := a.threads.Load(); a.cfg.Guest && made < n && a.threads.CompareAndSwap(made, n) {
		makeThreads(int(n))
	}
}

// vcpus is how many the program may use: spare processors are none.
func (a *Agent) vcpus() int {
	if n := a.spread.Load(); n > 0 {
		return int(n)
	}
	return runtime.GOMAXPROCS(0)
}

// Run governs until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	if a.pinned {
		a.state(Statement{MilliCPU: uint32(min(runtime.GOMAXPROCS(0), a.cfg.Max)) * 1000})
		<-ctx.Done()
		return
	}
	a.mu.Lock()
	told := a.granted > 0
	a.mu.Unlock()
	if !told {
		a.Grant(1000)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := alarm.In(a.cfg.Guest, a.log)
	defer pause.Close()
	work := alarm.OnWork(a.cfg.Guest, a.log)
	defer work.Close()
	a.gov.look.rung = work.C() != nil
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.kick:
		case <-timer.C:
		case <-pause.C():
		case <-work.C():
		}
		period := a.step()
		if period > lookActive {
			work.Arm()
		}
		pause.Arm(timer, period)
	}
}

const (
	// awaited is how long after a demand its grant is looked for with each lookWaiting. One that the host
	// cannot meet now comes when it comes.
	awaited = 50 * time.Millisecond

	// unmetAfter is how long it takes until a demand that was not met is one that the host cannot meet.
	unmetAfter = 250 * time.Millisecond
)

func (a *Agent) step() time.Duration {
	if a.cfg.Each != nil {
		a.cfg.Each()
	}
	period := a.look()
	if a.cfg.After != nil {
		a.cfg.After()
	}
	return period
}

// look takes a sample and does what follows from it.
func (a *Agent) look() time.Duration {
	a.mu.Lock()
	now := time.Since(a.start)
	s := a.read()
	want, changed, period := a.gov.Step(now, s)
	if changed {
		a.stated, a.statedAt = want, now
	}
	granted := a.granted
	if a.stated > granted && now-a.statedAt < awaited {
		period = min(period, lookWaiting)
	}
	a.mu.Unlock()
	a.await(now)
	period = min(period, a.catchUp(now))
	if err := a.trace.Add(Moment{now, s}); err != nil {
		a.log.Warn("samples are not recorded any more", "err", err)
	}
	if !changed {
		return period
	}
	a.shrink(want) // first, then tell
	a.state(Statement{MilliCPU: uint32(want) * 1000})
	return period
}

// await gives the one processor more up when the demand has not been met for long, and takes it back when it has, in a program that is
// calm.
func (a *Agent) await(now time.Duration) {
	a.mu.Lock()
	unmet := a.stated > a.granted && now-a.statedAt >= unmetAfter
	turned := unmet != a.unmet && !a.spare
	a.mu.Unlock()
	if !turned || a.cfg.Calm != nil && !a.cfg.Calm() {
		return
	}
	a.mu.Lock()
	a.unmet = unmet
	a.mu.Unlock()
	a.setProcs()
}

// read takes a sample, with what is expected besides. The lock is held.
func (a *Agent) read() Sample {
	s := a.reader.read()
	s.Steal = a.steal.Load()
	for _, n := range a.expects {
		s.Expected += n
	}
	return s
}

// Expect says that there is work of one source, any comparable value, for so many vCPUs which the scheduler's
// figures do not show, such as a collection, or a queue of its own; 0 takes it back.
func (a *Agent) Expect(source any, vcpus int) {
	a.mu.Lock()
	more := vcpus > a.expects[source] && vcpus > a.granted
	if vcpus <= 0 {
		delete(a.expects, source)
	} else {
		a.expects[source] = vcpus
	}
	a.mu.Unlock()
	if more {
		a.lookNow()
	}
}

// lookNow has the next look be taken at once.
func (a *Agent) lookNow() {
	select {
	case a.kick <- struct{}{}:
	default: // it is
	}
}
