package pid1

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestStallsAreOneWhilePagesTrickle: a wait that pages let through interrupt for moments is one stall.
func TestStallsAreOneWhilePagesTrickle(t *testing.T) {
	var s stalls
	now := time.Second
	for range 40 {
		s.step(now, true)
		s.step(now+5*time.Millisecond, false)
		now += 25 * time.Millisecond
	}
	if s.count != 1 {
		t.Errorf("%d stalls", s.count)
	}
	if _, ended := s.step(now+stallOver, false); !ended {
		t.Error("never over")
	}
	if d := s.time(); d < 900*time.Millisecond || d > time.Second {
		t.Errorf("stalled for %v of a second", d)
	}
	s.step(now+time.Second, true)
	if s.count != 2 {
		t.Errorf("the next wait makes %d stalls", s.count)
	}
}

func TestLateness(t *testing.T) {
	const limit = 64 * mib
	for _, c := range []struct {
		name    string
		open    bool
		asked   time.Duration // ago
		room    int64
		stalled bool
		was     bool
		want    bool
	}{
		{"just asked", true, 0, mib, false, false, false},
		{"overdue, room enough", true, time.Second, 30 * mib, false, false, false},
		{"overdue and near", true, time.Second, 6 * mib, false, false, true},
		{"overdue and a thread waits", true, time.Second, 0, true, false, true},
		{"a thread waits, nothing asked", false, 0, 0, true, false, false},
		{"a little room again", true, time.Second, 10 * mib, false, true, true},
		{"room again", true, time.Second, 20 * mib, false, true, false},
		{"answered", false, 0, 6 * mib, false, true, false},
		{"answered, but a thread still waits", false, 0, 0, true, true, true},
	} {
		l := lateness{now: c.was}
		now := time.Minute
		if c.open {
			l.askedAt = now - c.asked
		}
		l.step(now, c.open, c.room, limit, c.stalled)
		if l.now != c.want {
			t.Errorf("%s: late %v", c.name, l.now)
		}
	}
}

// TestPulseLetsLittleThrough: nothing while beats are answered, a step for each that is missed, and no more
// than the pool, until memory comes.
func TestPulseLetsLittleThrough(t *testing.T) {
	var p pulse
	now, free := time.Second, int64(reserveLeast)
	run := func(d time.Duration, answer bool) (given int64) {
		for end := now + d; now < end; now += tickStalled {
			ask, give := p.step(now, true, free)
			given += give
			if ask && answer {
				p.beat(now + time.Millisecond)
			}
		}
		return given
	}
	if n := run(time.Second, true); n != 0 {
		t.Errorf("let %d bytes through although the application runs", n)
	}
	if n := run(10*beatEvery, false); n < 5*pulseStep || n > 10*pulseStep {
		t.Errorf("let %d KiB through for ten beats", n/kib)
	}
	run(time.Hour, false)
	if p.given != pulseMost {
		t.Errorf("let %d KiB through in all", p.given/kib)
	}
	p.fed()
	if n := run(beatWithin+2*beatEvery, false); n == 0 {
		t.Error("nothing let through after memory came")
	}
	p.fed()
	free = plugRoom
	if n := run(time.Second, false); n != 0 {
		t.Errorf("let %d KiB through of what plugging needs", n/kib)
	}
	if ask, give := p.step(now+time.Hour, false, free); ask || give != 0 {
		t.Error("asked although no thread waits")
	}
}

// TestStandstillIsEnded: an application that stands still as a whole gets a few pages, is told that memory is
// late, and is told otherwise when it came.
func TestStandstillIsEnded(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 200 * mib, MilliCPU: 1000}) })
		time.Sleep(time.Second)
		still := make(chan struct{})
		b.app.mu.Lock()
		b.app.still = still
		b.app.mu.Unlock()
		before, _, _ := b.m.now()
		b.m.set(func(m *fakeMachine) { m.stalled, m.guest.charged = true, m.limit })
		b.c.post(func(*control) {})
		time.Sleep(500 * time.Millisecond)
		if after, _, _ := b.m.now(); after <= before || after > before+pulseMost+worthTelling {
			t.Errorf("the limit went from %d to %d KiB", before/kib, after/kib)
		}
		if g := b.app.lastGrant(); g.Limit != hvcall.LimitLate {
			t.Errorf("told %+v", g)
		}
		close(still)
		synctest.Wait()
		b.m.set(func(m *fakeMachine) { m.stalled = false })
		b.grant()
		time.Sleep(500 * time.Millisecond)
		if g := b.app.lastGrant(); g.Limit == hvcall.LimitLate {
			t.Errorf("after the grant, told %+v", g)
		}
		if u := b.host.lastUsage(); u.Stalls != 1 {
			t.Errorf("%d stalls", u.Stalls)
		}
	})
}

// TestLateIsToldOnce: an application that waits for memory is not told that a little of its share came or went, each of which would
// stop its world, and is told of more.
func TestLateIsToldOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 200 * mib, MilliCPU: 1000}) })
		time.Sleep(time.Second)
		b.m.set(func(m *fakeMachine) { m.stalled, m.guest.charged = true, m.limit })
		b.c.post(func(*control) {})
		time.Sleep(500 * time.Millisecond)
		first := b.app.lastGrant()
		if first.Limit != hvcall.LimitLate {
			t.Fatalf("told %+v", first)
		}
		for _, c := range []struct {
			taken int64 // by the kernel, bytes
			told  bool
		}{{mib, false}, {8 * mib, true}} {
			b.m.set(func(m *fakeMachine) { m.guest.charged -= c.taken; m.guest.system += c.taken })
			b.c.post(func(c *control) { c.due = true })
			time.Sleep(500 * time.Millisecond)
			if g := b.app.lastGrant(); (g.Serial != first.Serial) != c.told || g.Limit != hvcall.LimitLate {
				t.Errorf("its share shrank by %d MiB: told %+v, and %+v before", c.taken/mib, g, first)
			}
		}
	})
}
