package alloc

import (
	"testing"
	"time"
)

// What a program held until it was collected does not stay in its demand: the move waits for no more than that.
func TestTightenedForgets(t *testing.T) {
	s := newSimulation(20 * time.Millisecond)
	s.run(3*time.Second, 20*mib, 1)
	live := s.live
	for s.objects < live*7/4 { // it is full of garbage
		s.run(10*time.Millisecond, 40*mib, 0)
	}
	s.gov.Tighten(true)
	s.run(50*time.Millisecond, 0, 0) // it is looked at before it has collected
	s.begin()
	s.finish()
	s.total, s.free = s.total-s.free, 0
	s.gov.Tightened()
	s.run(100*time.Millisecond, 0, 0)
	if most := live + live/2 + 8*mib; s.granted > most {
		t.Errorf("granted %d MiB a moment after it was tightened, of %d MiB live", s.granted>>20, live>>20)
	}
}

// While it is tight a program is granted little more than its live data, soon; and as much as before when that is over.
func TestTighten(t *testing.T) {
	s := newSimulation(20 * time.Millisecond)
	s.run(5*time.Second, 40*mib, 1)
	s.run(2*time.Second, 0, 0)
	before, live := s.granted, s.live
	s.gov.Tighten(true)
	s.begin()
	s.finish()
	s.total, s.free = s.total-s.free, 0
	s.run(2*time.Second, 0, 0)
	if most := live + live/2 + 8*mib; s.granted > most || s.granted >= before {
		t.Errorf("granted %d MiB while tight, of %d MiB live; %d MiB before", s.granted>>20, live>>20, before>>20)
	}
	s.gov.Tighten(false)
	s.run(2*time.Second, 0, 0)
	if s.granted < before*7/8 {
		t.Errorf("granted %d MiB after that, %d MiB before", s.granted>>20, before>>20)
	}
}
