package pid1

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

func TestPace(t *testing.T) {
	const ms = time.Millisecond
	var p pace
	at := Reading{Charged: 40 * mib, Free: 60 * mib, Total: 128 * mib}
	p.looked(100*ms, at)
	if p.calm(1099*ms) || !p.calm(1100*ms) {
		t.Error("not calm a second after what moved last, or before that")
	}
	at.Charged += calmMoves / 2
	at.Free -= calmMoves / 2
	p.looked(1500*ms, at)
	if !p.calm(1500 * ms) {
		t.Error("a little more is taken for life")
	}
	at.Free -= calmMoves / 2 // little by little it adds up
	p.looked(1600*ms, at)
	if p.calm(1600 * ms) {
		t.Error("slow growth is not noticed")
	}
	p.ran(2600*ms, 100*ms)
	if !p.calm(2600 * ms) {
		t.Error("4 % of a vCPU are taken for life")
	}
	p.ran(2700*ms, 120*ms)
	if p.calm(2700 * ms) {
		t.Error("20 % of a vCPU are not noticed")
	}
	at.Stalled = true
	p.looked(9000*ms, at)
	if p.calm(9000 * ms) {
		t.Error("calm, with a thread at the gate")
	}
}

// TestPaceHurriesWhileTheKernelGrows: and not when its share comes and goes within what it was.
func TestPaceHurriesWhileTheKernelGrows(t *testing.T) {
	const ms = time.Millisecond
	var p pace
	now, own := 100*ms, int64(10*mib)
	look := func(more int64) bool {
		own += more
		now += 100 * ms
		p.looked(now, Reading{Total: 100 * mib, Free: 70*mib - own, Charged: 30 * mib})
		return p.hurries(now)
	}
	if look(0) {
		t.Error("in a hurry at the first look")
	}
	if !look(calmMoves) {
		t.Error("growth is not noticed")
	}
	if look(0); look(0) {
		t.Error("still in a hurry 200 ms later")
	}
	look(-2 * calmMoves)
	if look(2 * calmMoves) {
		t.Error("what was there a moment ago is taken for growth")
	}
}

// looks is how often the memory is looked at within d.
func looks(b *bench, d time.Duration) (n int) {
	b.m.set(func(m *fakeMachine) { m.reads = 0 })
	time.Sleep(d)
	b.m.set(func(m *fakeMachine) { n = m.reads })
	return n
}

// TestIdleGuestIsSeldomLookedAt: both kinds of application, and one that comes to life again.
func TestIdleGuestIsSeldomLookedAt(t *testing.T) {
	for _, c := range []struct {
		name         string
		speaks       bool
		lively, calm int // looks in 10 seconds, about
	}{
		{"speaks", true, 100, 50},
		{"silent", false, 100, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				if c.speaks {
					b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
					b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 20 * mib, MilliCPU: 1000}) })
					synctest.Wait()
					b.grant()
				}
				time.Sleep(5 * time.Second)
				if n := looks(b, 10*time.Second); n > c.calm+c.calm/10 {
					t.Errorf("%d looks in 10 idle seconds, want about %d", n, c.calm)
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					for i := range 100 {
						b.m.set(func(m *fakeMachine) { m.guest.charged = int64(20+i%2*4) * mib })
						time.Sleep(100 * time.Millisecond)
					}
				}()
				if n := looks(b, 10*time.Second); n < c.lively*9/10 {
					t.Errorf("%d looks in 10 lively seconds, want about %d", n, c.lively)
				}
				<-done
			})
		})
	}
}
