package alloc

import (
	"testing"
	"time"
)

// TestLateGrantMeetsNoCollection: a heap that only grows runs into a grant that comes much too late. It
// waits, but no collection waits with it, so whoever needs no memory runs on; and when the grant is
// there the collector is back.
func TestLateGrantMeetsNoCollection(t *testing.T) {
	for _, rate := range []float64{10 * mib, 50 * mib, 100 * mib} {
		s := newSimulation(time.Minute)
		s.gated = true
		s.run(59*time.Second, rate, 1)
		if s.stalled == 0 || !s.off {
			t.Fatalf("at %v MiB/s: stalled %v, collector off: %v: the load never met its grant", rate/mib, s.stalled, s.off)
		}
		if s.stopped > 0 {
			t.Errorf("at %v MiB/s: everything stood still for %v of %v", rate/mib, s.stopped, s.stalled)
		}
		s.run(2*time.Minute, 0, 0) // until the newest demand is granted too
		if s.off {
			t.Errorf("at %v MiB/s: the collector stayed off after the grant", rate/mib)
		}
	}
}

// TestSteadyHeapIsNotStarved: where collecting makes room, a late grant does not end it.
func TestSteadyHeapIsNotStarved(t *testing.T) {
	s := newSimulation(time.Minute)
	s.gated = true
	s.run(time.Second, 3*mib, 1)
	s.run(50*time.Second, 40*mib, 0)
	if s.off || s.stalled > 0 {
		t.Errorf("collector off: %v, stalled %v, with %d MiB live of %d granted", s.off, s.stalled, s.live>>20, s.granted>>20)
	}
}

// TestPunctualGrantsBraceNothing: on a host that grants in its usual time the collector's limit stays.
func TestPunctualGrantsBraceNothing(t *testing.T) {
	s := newSimulation(30 * time.Millisecond)
	s.run(20*time.Second, 50*mib, 1)
	if s.off || s.short > 0 {
		t.Errorf("collector off: %v, %d MiB too much for the grant at %v", s.off, s.short>>20, s.shortAt)
	}
}
