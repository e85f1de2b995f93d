package pid1

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/threads"
)

// fakeMachine is a guest's kernel for the control loop.
type fakeMachine struct {
	mu      sync.Mutex
	guest   fakeGuest
	stalled bool
	limit   int64
	width   int
	signals []unix.Signal
	queue   int
	busy    bool // lower limits are refused

	reads     int // of the memory
	onlineErr error
	watchErr  error
	marks     []int64
	asked     []time.Duration // of the kernel, see askCrowd
	passed    func()

	readAt       time.Time // as all below: of the schedule
	used, waited time.Duration
}

func (m *fakeMachine) read(int64) (Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	r := m.guest.reading()
	r.Stalled = m.stalled
	return r, nil
}

func (m *fakeMachine) crowd() (threads.Crowd, error) { return nil, nil }

func (m *fakeMachine) askCrowd(after time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, after)
	return nil
}

func (m *fakeMachine) watchUse(marks []int64, passed func()) error {
	time.Sleep(10 * time.Millisecond)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marks, m.passed = marks, passed
	return m.watchErr
}

// charge has the application hold so much, and tells when that passes a mark.
func (m *fakeMachine) charge(bytes int64) {
	m.mu.Lock()
	was := m.guest.charged
	m.guest.charged = bytes
	passed := m.watchErr == nil && slices.ContainsFunc(m.marks, func(at int64) bool { return (was < at) != (bytes < at) })
	m.mu.Unlock()
	if passed {
		m.passed()
	}
}

func (m *fakeMachine) online(int) error {
	time.Sleep(45 * time.Millisecond)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.onlineErr
}
func (m *fakeMachine) oom() (oomState, error) { return oomState{}, nil }

// schedule is of threads that never sleep.
func (m *fakeMachine) schedule() (schedule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !m.readAt.IsZero() {
		dt := now.Sub(m.readAt)
		m.used += dt * time.Duration(min(m.queue, m.width))
		if m.queue > m.width {
			m.waited += dt
		}
	}
	m.readAt = now
	return schedule{m.queue, m.used, m.waited}, nil
}

func (m *fakeMachine) setWidth(n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.width = n
	return nil
}
func (m *fakeMachine) setLimit(n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy && n < m.limit {
		return unix.EBUSY
	}
	m.limit = n
	return nil
}

func (m *fakeMachine) signal(s unix.Signal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signals = append(m.signals, s)
	return nil
}

// now is a copy to look at.
func (m *fakeMachine) now() (limit int64, width int, signals []unix.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limit, m.width, append([]unix.Signal(nil), m.signals...)
}

func (m *fakeMachine) set(f func(*fakeMachine)) { m.mu.Lock(); defer m.mu.Unlock(); f(m) }

// TestPriceIsTold: a price that changes alone reaches the application; one that stays is not repeated.
func TestPriceIsTold(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		time.Sleep(time.Second)
		b.c.post(func(c *control) {
			c.hostGrant(hvcall.Grant{Serial: 2, Revision: c.demand.Revision, Memory: 64 * mib, MilliCPU: 1000, Price: 5000})
		})
		time.Sleep(time.Second)
		if g := b.app.lastGrant(); g.Price != 5000 {
			t.Errorf("told %+v", g)
		}
		b.app.mu.Lock()
		n := len(b.app.grants)
		b.app.mu.Unlock()
		time.Sleep(5 * time.Second)
		b.app.mu.Lock()
		defer b.app.mu.Unlock()
		if len(b.app.grants) != n {
			t.Errorf("told again: %+v", b.app.grants[n:])
		}
	})
}

// recorder is a peer that only listens.
type recorder struct {
	mu      sync.Mutex
	err     error // of all that is said to it
	demands []hvcall.Demand
	grants  []hvcall.Grant
	usages  []hvcall.Usage
	steals  []hvcall.Steal
	moves   []hvcall.Migrate
	beats   int           // heartbeats asked for
	still   chan struct{} // closed when the application runs again; nil = it runs
}

func (r *recorder) SendDemand(d hvcall.Demand) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.demands = append(r.demands, d)
	}
	return r.err
}
func (r *recorder) SendGrant(g hvcall.Grant) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.grants = append(r.grants, g)
	}
	return r.err
}
func (r *recorder) SendUsage(u hvcall.Usage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.usages = append(r.usages, u)
	}
	return r.err
}

func (r *recorder) SendSteal(s hvcall.Steal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steals = append(r.steals, s)
	return nil
}

func (r *recorder) TellMigrate(_ context.Context, m hvcall.Migrate) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moves = append(r.moves, m)
	return r.err
}

// RoundTrip answers unless the application stands still.
func (r *recorder) RoundTrip(ctx context.Context) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beats++
	still := r.still
	if still == nil {
		return 0, nil
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	select {
	case <-still:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (r *recorder) set(f func(*recorder)) { r.mu.Lock(); defer r.mu.Unlock(); f(r) }

func (r *recorder) lastDemand() hvcall.Demand {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.demands[len(r.demands)-1]
}
func (r *recorder) lastGrant() hvcall.Grant {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.grants[len(r.grants)-1]
}
func (r *recorder) lastUsage() hvcall.Usage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.usages[len(r.usages)-1]
}

// speaksAll is an application of this version.
var speaksAll = hvcall.Hello{Role: hvcall.RoleApplication, Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapSteal}}

type bench struct {
	m    *fakeMachine
	host *recorder
	app  *recorder
	c    *control
}

// inBubble runs f beside a control loop in virtual time.
func inBubble(t *testing.T, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{m: &fakeMachine{guest: fakeGuest{boot: 64 * mib, system: 10 * mib}}, host: &recorder{}, app: &recorder{}}
		w := hvcall.Welcome{Name: "g", Grant: hvcall.GrantJSON{Serial: 1, Memory: 64 * mib, MilliCPU: 1000},
			Memory: hvcall.MemoryBounds{Boot: 64 * mib, Max: 1024 * mib}, CPU: hvcall.CPUBounds{MinMilli: 1000, MaxMilli: 2000}}
		b.c = newControl(slog.New(slog.DiscardHandler), b.m, b.host, w, 20*mib)
		b.c.cpu.started(1)
		b.c.cpu.width = 1
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.c.run(ctx); close(done) }()
		f(b)
		cancel()
		<-done
	})
}

// grant answers as a host does that has everything.
func (b *bench) grant() {
	d := b.host.lastDemand()
	b.m.set(func(m *fakeMachine) { m.guest.plugged = int64(d.Memory) - m.guest.boot })
	b.c.post(func(c *control) {
		c.hostGrant(hvcall.Grant{Serial: c.grant.Serial + 1, Revision: d.Revision, Memory: d.Memory, MilliCPU: d.MilliCPU})
	})
}

func TestDemandTravelsUpAndGrantDown(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 200 * mib, MilliCPU: 2000}) })
		synctest.Wait()
		d := b.host.lastDemand()
		if d.Memory < 238*mib || d.MilliCPU != 2000 {
			t.Fatalf("stated %+v", d)
		}
		b.grant()
		time.Sleep(200 * time.Millisecond) // a vCPU is started meanwhile
		g := b.app.lastGrant()
		limit, width, _ := b.m.now()
		if g.Memory < 200*mib || g.MilliCPU != 2000 {
			t.Errorf("the application is told %+v", g)
		}
		if width != 2 || limit < 200*mib {
			t.Errorf("width %d, limit %d MiB", width, limit>>20)
		}
		if u := b.host.lastUsage(); u.Applied != 2 || u.Online != 2 || u.MilliCPU != 2000 {
			t.Errorf("usage %+v", u)
		}
	})
}

func TestStallIsCountedAndRelieved(t *testing.T) {
	inBubble(t, func(b *bench) {
		synctest.Wait()
		b.m.set(func(m *fakeMachine) { m.stalled, m.guest.charged = true, m.limit })
		b.c.post(func(*control) {}) // what the eventfd does
		synctest.Wait()
		if d := b.host.lastDemand(); d.Urgency != hvcall.UrgencyStalled || d.Reason != hvcall.ReasonGate {
			t.Fatalf("stated %+v", d)
		}
		time.Sleep(3 * time.Second) // a slow host
		before, _, _ := b.m.now()
		b.grant()
		synctest.Wait()
		after, _, signals := b.m.now()
		if after < before+stallStep/2 {
			t.Errorf("limit raised from %d to %d MiB", before>>20, after>>20)
		}
		b.m.set(func(m *fakeMachine) { m.stalled = false })
		time.Sleep(2 * time.Second)
		u := b.host.lastUsage()
		if u.Stalls != 1 || time.Duration(u.StallNanos) < 3*time.Second || time.Duration(u.StallNanos) > 4*time.Second {
			t.Errorf("%d stalls of %v", u.Stalls, time.Duration(u.StallNanos))
		}
		if len(signals) != 0 {
			t.Errorf("signalled %v", signals)
		}
	})
}

// TestSleeperWithRoomIsWoken: a thread that failed under the old limit and fell asleep under the new one is
// woken by nothing but a limit that rises.
func TestSleeperWithRoomIsWoken(t *testing.T) {
	inBubble(t, func(b *bench) {
		synctest.Wait()
		before, _, _ := b.m.now()
		b.m.set(func(m *fakeMachine) { m.stalled, m.guest.charged = true, m.limit-2*mib })
		b.c.post(func(*control) {})
		synctest.Wait()
		if after, _, _ := b.m.now(); after <= before {
			t.Errorf("limit %d, it was %d: nobody is woken", after, before)
		}
		// One that waits for want of room is not: its limit must not creep.
		b.m.set(func(m *fakeMachine) { m.guest.charged = m.limit })
		full, _, _ := b.m.now()
		time.Sleep(time.Second)
		if after, _, _ := b.m.now(); after != full {
			t.Errorf("limit crept from %d to %d", full, after)
		}
	})
}

func TestRefusedAtTheMaximum(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.hostGrant(hvcall.Grant{Serial: 9, Memory: 1024 * mib, MilliCPU: 1000}) })
		b.m.set(func(m *fakeMachine) { m.guest.plugged, m.stalled = 960*mib, true })
		time.Sleep(refuseAfter + time.Second)
		if _, _, signals := b.m.now(); len(signals) != 1 || signals[0] != unix.SIGKILL {
			t.Errorf("signals %v", signals)
		}
		b.c.post(func(c *control) {
			if !c.killedBy.refused {
				t.Error("the reason is not kept")
			}
		})
		synctest.Wait()
	})
}

func TestOlderStatementsAreDropped(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 7, Memory: 100 * mib, MilliCPU: 1000}) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 6, Memory: 900 * mib, MilliCPU: 1000}) })
		synctest.Wait()
		if d := b.host.lastDemand(); d.Memory > 200*mib {
			t.Errorf("an older demand counted: %d MiB", d.Memory>>20)
		}
		b.c.post(func(c *control) {
			c.hostGrant(hvcall.Grant{Serial: 5, Memory: 128 * mib, MilliCPU: 1000})
			c.hostGrant(hvcall.Grant{Serial: 4, Memory: 1024 * mib, MilliCPU: 1000})
			if c.grant.Memory != 128*mib {
				t.Errorf("an older grant counted: %d MiB", c.grant.Memory>>20)
			}
		})
		synctest.Wait()
	})
}

// TestSilentApplicationIsGovernedFromOutside: no Hello, and yet memory and vCPUs follow.
func TestSilentApplicationIsGovernedFromOutside(t *testing.T) {
	inBubble(t, func(b *bench) {
		for charged := int64(0); charged < 20*mib; charged += mib {
			b.m.set(func(m *fakeMachine) { m.guest.charged, m.queue = charged, 3 })
			time.Sleep(50 * time.Millisecond)
		}
		d := b.host.lastDemand()
		if d.Memory <= 64*mib || d.MilliCPU != 2000 {
			t.Errorf("stated %+v", d)
		}
	})
}

func TestShutdownKillsAfterItsTime(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.shutdown(3 * time.Second) })
		time.Sleep(time.Second)
		if _, _, signals := b.m.now(); len(signals) != 1 || signals[0] != unix.SIGTERM {
			t.Fatalf("signals %v", signals)
		}
		time.Sleep(3 * time.Second)
		if _, _, signals := b.m.now(); len(signals) != 2 || signals[1] != unix.SIGKILL {
			t.Errorf("signals %v", signals)
		}
	})
}

// TestReclaimIsAppliedBeforeItIsTold: the host takes memory back; only when the kernel has taken the
// lower limit is the grant reported as applied.
func TestReclaimIsAppliedBeforeItIsTold(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 300 * mib, MilliCPU: 1000}) })
		synctest.Wait()
		b.grant()
		time.Sleep(time.Second)
		b.m.set(func(m *fakeMachine) { m.busy = true })
		b.c.post(func(c *control) {
			c.hostGrant(hvcall.Grant{Serial: 9, Revision: c.demand.Revision, Memory: 128 * mib, MilliCPU: 1000, Limit: hvcall.LimitReclaim, Within: 1000})
		})
		time.Sleep(time.Second)
		if u := b.host.lastUsage(); u.Applied >= 9 {
			t.Errorf("reported as applied while the kernel refuses the limit: %+v", u)
		}
		if g := b.app.lastGrant(); g.Memory > 128*mib || g.Limit != hvcall.LimitReclaim {
			t.Errorf("the application is told %+v", g)
		}
		b.m.set(func(m *fakeMachine) { m.busy = false })
		time.Sleep(2 * time.Second)
		if u := b.host.lastUsage(); u.Applied != 9 {
			t.Errorf("not reported as applied: %+v", u)
		}
	})
}

// TestFractionIsTold: the guest runs on whole vCPUs, and everybody in it and outside is told the part that is granted.
func TestFractionIsTold(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		for serial, milli := range []uint32{250, 1500, 2000, 1} {
			b.c.post(func(c *control) {
				c.appDemand(hvcall.Demand{Revision: uint64(serial) + 1, Memory: 30 * mib, MilliCPU: 2000})
				c.hostGrant(hvcall.Grant{Serial: uint64(serial) + 2, Memory: 64 * mib, MilliCPU: milli})
			})
			time.Sleep(time.Second)
			_, width, _ := b.m.now()
			if g, u := b.app.lastGrant(), b.host.lastUsage(); g.MilliCPU != milli || u.MilliCPU != milli || width > 2 || milli > 1000 && width != 2 || u.Applied != uint64(serial)+2 {
				t.Errorf("granted %d: the application is told %d on %d vCPUs, the host %d of grant %d", milli, g.MilliCPU, width, u.MilliCPU, u.Applied)
			}
		}
	})
}

// TestStealIsPassedOn: to an application that reads it, and to no other.
func TestStealIsPassedOn(t *testing.T) {
	for _, hello := range []hvcall.Hello{speaksAll, {Role: hvcall.RoleApplication}} {
		inBubble(t, func(b *bench) {
			b.c.post(func(c *control) {
				c.hostSteal(hvcall.Steal{Taken: 300}) // nobody is there yet
				c.appHello(b.app, hello)
				c.hostSteal(hvcall.Steal{Taken: 250, Span: time.Second})
			})
			synctest.Wait()
			b.app.mu.Lock()
			defer b.app.mu.Unlock()
			var heard, want []uint32
			for _, s := range b.app.steals {
				heard = append(heard, s.Taken)
			}
			if hello.Can(hvcall.CapSteal) {
				want = []uint32{300, 250}
			}
			if !slices.Equal(heard, want) {
				t.Errorf("%v: heard %d, want %d", hello.Capabilities, heard, want)
			}
		})
	}
}

// TestStartIsNotNarrowed: an application sees the vCPUs it is started with, however late that is, and for a moment
// after it.
func TestStartIsNotNarrowed(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.cpu.width, c.cpu.running, c.cpu.hold = 2, 2, beforeStart })
		width := func() int { _, w, _ := b.m.now(); return w }
		time.Sleep(10 * time.Second)
		if got := width(); got != 0 {
			t.Errorf("cpuset set to %d vCPUs before there is an application", got)
		}
		b.c.post((*control).appStarted)
		time.Sleep(startHold - 50*time.Millisecond)
		if got := width(); got != 0 {
			t.Errorf("cpuset set to %d vCPUs while the application starts", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got := width(); got != 1 {
			t.Errorf("cpuset of %d vCPUs afterwards, granted is one", got)
		}
	})
}
