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

// TestIdleGuestIsSeldomLookedAt: both kinds of application, and one that comes to life again.
func TestIdleGuestIsSeldomLookedAt(t *testing.T) {
	looks := func(b *bench, d time.Duration) int {
		b.m.set(func(m *fakeMachine) { m.reads = 0 })
		time.Sleep(d)
		n := 0
		b.m.set(func(m *fakeMachine) { n = m.reads })
		return n
	}
	for _, c := range []struct {
		name         string
		speaks       bool
		lively, calm int // looks in 10 seconds, about
	}{
		{"speaks", true, 100, 50},
		{"silent", false, 500, 100},
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
