package pid1

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/sched"
)

// grantCPU states a grant of so many thousandths and of the memory that stands.
func (b *bench) grantCPU(milli uint32) {
	b.c.post(func(c *control) {
		g := c.grant
		g.Serial, g.Revision, g.MilliCPU = g.Serial+1, c.demand.Revision, milli
		c.hostGrant(g)
	})
}

// wide brings a guest with a speaking application to two vCPUs.
func (b *bench) wide(t *testing.T) {
	t.Helper()
	b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
	b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 20 * mib, MilliCPU: 2000}) })
	synctest.Wait()
	b.grantCPU(2000)
	time.Sleep(time.Second)
	if _, width, _ := b.m.now(); width != 2 {
		t.Fatalf("width %d, want 2", width)
	}
}

// TestDemandForVCPUsDoesNotWaitForTheMemory: it is stated, granted and told while the memory is not looked at.
func TestDemandForVCPUsDoesNotWaitForTheMemory(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll); c.cpu.started(2) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 20 * mib, MilliCPU: 1000}) })
		synctest.Wait()
		b.grant()
		time.Sleep(50 * time.Millisecond)
		b.m.set(func(m *fakeMachine) { m.reads = 0 })
		b.c.postQuick(func(c *control) { c.appDemand(hvcall.Demand{Revision: 2, Memory: 20 * mib, MilliCPU: 2000}) })
		synctest.Wait()
		d := b.host.lastDemand()
		if d.MilliCPU != 2000 || d.Reason != hvcall.ReasonRunQueue {
			t.Fatalf("stated %+v", d)
		}
		b.c.postQuick(func(c *control) {
			g := c.grant
			g.Serial, g.Revision, g.MilliCPU = g.Serial+1, c.demand.Revision, 2000
			c.hostGrant(g)
		})
		synctest.Wait()
		if g := b.app.lastGrant(); g.MilliCPU != 2000 {
			t.Errorf("told %+v", g)
		}
		if u := b.host.lastUsage(); u.Applied != 3 || u.MilliCPU != 2000 {
			t.Errorf("usage %+v", u)
		}
		b.m.set(func(m *fakeMachine) {
			if m.reads != 0 {
				t.Errorf("the memory was looked at %d times", m.reads)
			}
		})
	})
}

// TestRevokeIsToldOnlyWhenDone: GOMAXPROCS, cpuset, told, each after the one before.
func TestRevokeIsToldOnlyWhenDone(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.cpu.most = 4 }) // so that GOMAXPROCS is too high for one vCPU
		b.wide(t)
		b.grantCPU(1000)
		synctest.Wait()
		asked := b.app.lastGrant()
		if _, width, _ := b.m.now(); asked.MilliCPU != 1000 || width != 2 {
			t.Fatalf("asked for %d with a cpuset of %d: the application comes first", asked.MilliCPU, width)
		}
		if u := b.host.lastUsage(); u.Applied != 2 {
			t.Fatalf("told before it is done: %+v", u)
		}
		b.c.post(func(c *control) {
			c.appDemand(hvcall.Demand{Revision: 2, Memory: 20 * mib, MilliCPU: 2000, Applied: asked.Serial})
		})
		synctest.Wait()
		if _, width, _ := b.m.now(); width != 1 {
			t.Errorf("width %d after the application obeyed", width)
		}
		if u := b.host.lastUsage(); u.Applied != 3 || u.MilliCPU != 1000 {
			t.Errorf("usage %+v", u)
		}
	})
}

// hears makes a guest of one vCPU of two, whose kernel tells of threads that share it and whose application asks for no more.
func (b *bench) hears() {
	b.c.post(func(c *control) { c.appHello(b.app, speaksAll); c.cpu.started(2); c.bell.hears = true })
	b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 20 * mib, MilliCPU: 1000}) })
	synctest.Wait()
	b.grant()
}

// TestCrowdIsAnsweredAhead: at the kernel's word the host is asked for a vCPU, which the application has before it knows that it wants one.
// It has it for as long as it takes to say so.
func TestCrowdIsAnsweredAhead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.hears()
		time.Sleep(50 * time.Millisecond)
		b.m.set(func(m *fakeMachine) {
			if !slices.Equal(m.asked, []time.Duration{crowdedLeast}) {
				t.Fatalf("the kernel is asked for crowds of %v", m.asked)
			}
		})
		b.c.postQuick((*control).crowded)
		synctest.Wait()
		if d := b.host.lastDemand(); d.MilliCPU != 2000 {
			t.Fatalf("stated %+v", d)
		}
		b.grantCPU(2000)
		synctest.Wait()
		if _, width, _ := b.m.now(); width != 2 || b.app.lastGrant().MilliCPU != 2000 {
			t.Fatalf("a cpuset of %d, told %+v", width, b.app.lastGrant())
		}
		time.Sleep(aheadFor)
		synctest.Wait()
		if _, width, _ := b.m.now(); width != 1 || b.host.lastDemand().MilliCPU != 1000 || b.app.lastGrant().MilliCPU != 1000 {
			t.Errorf("nobody wants it: a cpuset of %d, stated %+v, told %+v", width, b.host.lastDemand(), b.app.lastGrant())
		}
		time.Sleep(crowdedRest + tickCalm)
		b.m.set(func(m *fakeMachine) {
			if last := m.asked[len(m.asked)-1]; last != 2*crowdedLeast {
				t.Errorf("the kernel is asked for crowds of %v", m.asked)
			}
		})
		b.c.postQuick((*control).crowded)
		b.c.postQuick(func(c *control) { c.appDemand(hvcall.Demand{Revision: 2, Memory: 20 * mib, MilliCPU: 2000}) })
		time.Sleep(aheadFor + tickCalm)
		if d := b.host.lastDemand(); d.MilliCPU != 2000 {
			t.Errorf("the application wants it, and stated is %+v", d)
		}
	})
}

// TestCrowdIsNothingWhileTheHostIsFull: what the vCPUs there are wait for a processor already, another one would wait for too.
func TestCrowdIsNothingWhileTheHostIsFull(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.hears()
		b.c.postQuick(func(c *control) { c.hostSteal(hvcall.Steal{Taken: sched.Stolen, Span: time.Second}) })
		b.c.postQuick((*control).crowded)
		time.Sleep(time.Second)
		if d := b.host.lastDemand(); d.MilliCPU != 1000 {
			t.Errorf("stated %+v", d)
		}
		asked := 0
		b.m.set(func(m *fakeMachine) { asked = len(m.asked) })
		b.c.postQuick(func(c *control) { c.hostSteal(hvcall.Steal{Span: time.Second}) })
		time.Sleep(time.Second)
		b.m.set(func(m *fakeMachine) {
			if len(m.asked) != asked+1 {
				t.Errorf("the kernel was asked %d times before, and %d when there is room", asked, len(m.asked))
			}
		})
	})
}

// TestApplicationDiesInARevoke: nobody will answer, and nobody is waited for.
func TestApplicationDiesInARevoke(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.wide(t)
		b.grantCPU(1000)
		synctest.Wait()
		b.c.post((*control).appGone)
		synctest.Wait()
		if _, width, _ := b.m.now(); width != 1 {
			t.Errorf("width %d", width)
		}
		if u := b.host.lastUsage(); u.Applied != 3 {
			t.Errorf("usage %+v", u)
		}
		// What is left of it is governed from outside, and can have a second vCPU again.
		b.m.set(func(m *fakeMachine) { m.queue = 4 })
		time.Sleep(time.Second)
		if d := b.host.lastDemand(); d.MilliCPU != 2000 {
			t.Fatalf("stated %+v", d)
		}
		b.grantCPU(2000)
		time.Sleep(time.Second)
		if _, width, _ := b.m.now(); width != 2 {
			t.Errorf("width %d", width)
		}
	})
}

// TestApplicationThatDoesNotAnswerLosesItsVCPU, in the time there is.
func TestApplicationThatDoesNotAnswerLosesItsVCPU(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.wide(t)
		b.grantCPU(1000)
		time.Sleep(ackWithin + 2*tickQuiet)
		if _, width, _ := b.m.now(); width != 1 {
			t.Errorf("width %d", width)
		}
		if u := b.host.lastUsage(); u.Applied != 3 {
			t.Errorf("usage %+v", u)
		}
	})
}

// TestHostDropsMidGrant: the host is not there while a vCPU is being started, and states anew what holds when it is
// back: more, the same, or less.
func TestHostDropsMidGrant(t *testing.T) {
	for name, after := range map[string]uint32{"the same": 2000, "less": 1000} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
				b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 20 * mib, MilliCPU: 2000}) })
				synctest.Wait()
				b.grantCPU(2000)
				time.Sleep(10 * time.Millisecond) // a vCPU takes 45
				b.host.set(func(r *recorder) { r.err = errors.New("nobody there") })
				time.Sleep(3 * time.Second)
				b.host.set(func(r *recorder) { r.err = nil })
				b.grantCPU(after)
				b.grantCPU(after) // stated twice: no harm
				time.Sleep(time.Second)
				if _, width, _ := b.m.now(); width != int(after/1000) {
					t.Errorf("width %d", width)
				}
				if g := b.app.lastGrant(); g.MilliCPU != after {
					t.Errorf("the application was told %+v", g)
				}
				if u := b.host.lastUsage(); u.Applied != 4 || u.MilliCPU != after {
					t.Errorf("usage %+v", u)
				}
			})
		})
	}
}

// TestVCPUThatDoesNotStart leaves the guest with those that run, and the next grant tries again.
func TestVCPUThatDoesNotStart(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.m.set(func(m *fakeMachine) { m.onlineErr = errors.New("no such processor") })
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 20 * mib, MilliCPU: 2000}) })
		synctest.Wait()
		b.grantCPU(2000)
		time.Sleep(time.Second)
		if _, width, _ := b.m.now(); width > 1 {
			t.Errorf("width %d", width)
		}
		b.m.set(func(m *fakeMachine) { m.onlineErr = nil })
		b.grantCPU(2000)
		time.Sleep(time.Second)
		if _, width, _ := b.m.now(); width != 2 {
			t.Errorf("width %d after the vCPU could be started", width)
		}
	})
}

func TestPinnedIsTold(t *testing.T) {
	var log strings.Builder
	c := &control{log: slog.New(slog.NewTextHandler(&log, nil)), useful: 4}
	c.tellPinned([]string{"A=1", "GOMAXPROCS=3"})
	if !strings.Contains(log.String(), "GOMAXPROCS=3") || c.useful != 3 {
		t.Errorf("told %q, and %d vCPUs are of use", log.String(), c.useful)
	}
}

// TestPartOfAVCPUIsSaidOnce: a word to the host costs a millisecond of a grant that a burst waits for.
func TestPartOfAVCPUIsSaidOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		var log strings.Builder
		b.c.post(func(c *control) { c.log = slog.New(slog.NewTextHandler(&log, nil)) })
		for _, milli := range []uint32{1000, 1950, 1000, 1950} {
			b.grantCPU(milli)
			time.Sleep(time.Second)
		}
		b.c.post(func(*control) {
			if n := strings.Count(log.String(), "part of a vCPU granted"); n != 1 {
				t.Errorf("said %d times:\n%s", n, &log)
			}
		})
		synctest.Wait()
	})
}
