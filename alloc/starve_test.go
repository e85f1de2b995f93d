package alloc

import (
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestStarvation: only a heap that collecting cannot make fit is starved, and only while memory is late.
func TestStarvation(t *testing.T) {
	growing := Sample{Cycles: 2, Live: 80 * mib, Allocs: 140 * mib, GOGC: 100}
	steady := Sample{Cycles: 2, Live: 40 * mib, Allocs: 140 * mib, GOGC: 100}
	ramp := Sample{Cycles: 2, Live: 12 * mib, Allocs: 22 * mib, GOGC: 100}
	off := growing
	off.GOGC = -1
	for _, c := range []struct {
		name   string
		before Sample
		s      Sample
		late   bool
		want   bool
	}{
		{"grew and will not fit", Sample{Cycles: 1, Live: 60 * mib, Allocs: 100 * mib, GOGC: 100}, growing, true, true},
		{"grew, but memory is not late", Sample{Cycles: 1, Live: 60 * mib, Allocs: 100 * mib, GOGC: 100}, growing, false, false},
		{"small, and all it allocates stays", Sample{Cycles: 1, Live: 6 * mib, Allocs: 16 * mib, GOGC: 100}, ramp, true, true},
		{"small, and half of it stays", Sample{Cycles: 1, Live: 6 * mib, Allocs: 10 * mib, GOGC: 100}, ramp, true, false},
		{"holds its size and fits", Sample{Cycles: 1, Live: 40 * mib, Allocs: 100 * mib, GOGC: 100}, steady, true, false},
		{"shrank and fits", Sample{Cycles: 1, Live: 90 * mib, Allocs: 100 * mib, GOGC: 100}, steady, true, false},
		{"the program has the collector off", Sample{Cycles: 1, Live: 60 * mib, Allocs: 100 * mib, GOGC: -1}, off, true, false},
	} {
		var v starvation
		v.step(c.before, 100*mib, false)
		if got := v.step(c.s, 100*mib, c.late); got != c.want {
			t.Errorf("%s: starved %v", c.name, got)
		}
	}
}

// TestLateGrantPausesTheCollector: by decision, until another grant comes.
func TestLateGrantPausesTheCollector(t *testing.T) {
	g := NewGovernor(Config{})
	s := Sample{Cycles: 5, Live: 60 * mib, Allocs: 100 * mib, Objects: 61 * mib, Total: 64 * mib, GOGC: 100}
	g.Granted(time.Second, 64*mib, hvcall.LimitNone, true)
	if d := g.Step(time.Second, s); d.Paused {
		t.Error("paused though memory is not late")
	}
	g.Granted(2*time.Second, 64*mib, hvcall.LimitLate, false)
	if d := g.Step(2*time.Second, s); !d.Paused || d.Collect != CollectNone {
		t.Errorf("late: paused %v, collect %v", d.Paused, d.Collect)
	}
	g.Granted(3*time.Second, 256*mib, hvcall.LimitNone, true)
	if d := g.Step(3*time.Second, s); d.Paused {
		t.Error("paused after the grant came")
	}
}

// TestLateDemandStands: a program that waits allocates nothing, and yet what it asked for is not taken back, until memory
// is late no more.
func TestLateDemandStands(t *testing.T) {
	g := NewGovernor(Config{})
	s := Sample{Cycles: 5, Live: 20 * mib, Objects: 60 * mib, Total: 64 * mib, GOGC: 400}
	g.Granted(time.Second, 64*mib, hvcall.LimitNone, true)
	g.Step(time.Second, s)
	s.GOGC = 100
	g.Granted(2*time.Second, 64*mib, hvcall.LimitLate, false)
	for now := 2 * time.Second; now < 20*time.Second; now += 50 * time.Millisecond {
		if d := g.Step(now, s); d.State {
			t.Fatalf("stated %d MiB at %v", d.Statement.Memory>>20, now)
		}
	}
	g.Granted(20*time.Second, 256*mib, hvcall.LimitNone, true)
	if d := g.Step(20*time.Second, s); !d.State {
		t.Error("not taken back when memory came")
	}
}

// TestPausedCollectorComesBack: with the GOGC it had, or with the one the program set meanwhile.
func TestPausedCollectorComesBack(t *testing.T) {
	c := collector{paused: true, kept: 100}
	if s := c.see(Sample{GOGC: -1}); s.GOGC != 100 {
		t.Errorf("paused, GOGC is taken for %d", s.GOGC)
	}
	if s := c.see(Sample{GOGC: 50}); s.GOGC != 50 {
		t.Errorf("set by the program meanwhile, GOGC is taken for %d", s.GOGC)
	}
}
