package sched

import (
	"testing"
	"time"
)

// scenario feeds a governor with a load in virtual time: want goroutines want to run, Go's
// scheduler runs as many as are granted, and grants come after latency.
type scenario struct {
	g       *Governor
	now     time.Duration
	procs   int
	grantAt time.Duration
	target  int
	changes int
	upAfter time.Duration // from the start of the last load to the demand that followed
	sample  Sample        // the last
	more    int           // processors of Go's scheduler beyond the vCPUs
}

func (s *scenario) run(d time.Duration, load func(now time.Duration) int) {
	begin := s.now
	s.upAfter = 0
	for end := s.now + d; s.now < end; {
		if s.grantAt != 0 && s.now >= s.grantAt {
			s.procs, s.grantAt = s.target, 0
		}
		n := load(s.now)
		run := min(n, s.procs+s.more)
		s.sample.Running, s.sample.Runnable, s.sample.Procs = run+1, n-run, s.procs+s.more
		want, changed, period := s.g.Step(s.now, s.sample)
		s.sample.CPU += time.Duration(min(n, s.procs)) * period
		s.sample.Waited += time.Duration(n-run) * period
		if changed {
			s.changes++
			s.target, s.grantAt = want, s.now+2*time.Millisecond
			if s.upAfter == 0 {
				s.upAfter = s.now - begin
			}
		}
		s.now += period
	}
}

func steady(n int) func(time.Duration) int { return func(time.Duration) int { return n } }

func newScenario(most int) *scenario {
	return &scenario{g: NewGovernor(Config{Max: most}), procs: 1}
}

// TestWhoRunsBeyondTheVCPUsWaits: with one processor of Go's scheduler more nobody waits for one, and yet two goroutines have one vCPU. It
// is asked for as if they waited, and given up as ever; one goroutine needs none.
func TestWhoRunsBeyondTheVCPUsWaits(t *testing.T) {
	s := newScenario(4)
	s.more = 1
	s.run(5*time.Second, steady(1))
	if s.changes != 0 {
		t.Fatalf("one goroutine led to %d changes", s.changes)
	}
	s.run(5*time.Second, steady(2))
	if s.procs != 2 || s.upAfter > 50*time.Millisecond || s.changes != 1 {
		t.Errorf("load of 2: %d vCPUs, demanded after %v, %d changes", s.procs, s.upAfter, s.changes)
	}
	s.run(10*time.Second, steady(0))
	if s.procs != 1 {
		t.Errorf("at rest: %d vCPUs", s.procs)
	}
}

func TestUpInMillisecondsDownInSeconds(t *testing.T) {
	s := newScenario(4)
	s.run(5*time.Second, steady(0))
	s.run(5*time.Second, steady(3))
	if s.procs != 3 || s.upAfter > 100*time.Millisecond {
		t.Errorf("load of 3: %d vCPUs, demanded after %v", s.procs, s.upAfter)
	}
	s.run(time.Second, steady(0))
	if s.procs != 3 {
		t.Errorf("given up after one idle second: %d vCPUs", s.procs)
	}
	s.run(4*time.Second, steady(0))
	if s.procs != 1 {
		t.Errorf("idle: %d vCPUs", s.procs)
	}
}

// TestChanceKeepsNoVCPU: who waits at a look after a long pause has not waited all the while.
func TestChanceKeepsNoVCPU(t *testing.T) {
	s := newScenario(2)
	s.g.look.rung = true
	s.run(time.Second, steady(2))
	if s.procs != 2 {
		t.Fatalf("load of 2: %d vCPUs", s.procs)
	}
	at := s.now
	for s.now < at+3*time.Second {
		s.run(1500*time.Millisecond, steady(0)) // looks are far between by now
		s.sample.Running, s.sample.Runnable = 2, 1
		if _, changed, period := s.g.Step(s.now, s.sample); changed {
			t.Error("one that waits by chance changes the demand")
		} else {
			s.now += period
		}
	}
	s.run(time.Second, steady(0))
	if s.procs != 1 {
		t.Errorf("at rest for %v, and met others twice: %d vCPUs", s.now-at, s.procs)
	}
}

func TestNeverAboveMaximum(t *testing.T) {
	s := newScenario(2)
	s.run(3*time.Second, steady(100))
	if s.procs != 2 {
		t.Errorf("%d vCPUs of 2", s.procs)
	}
}

func TestSteadyLoadChangesNothing(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3} {
		s := newScenario(4)
		s.run(5*time.Second, steady(n))
		before := s.changes
		s.run(time.Minute, steady(n))
		if got := s.changes - before; got != 0 {
			t.Errorf("load %d: %d changes in a steady minute", n, got)
		}
	}
}

func TestFlappingLoadIsCoalesced(t *testing.T) {
	s := newScenario(4)
	s.run(10*time.Second, func(now time.Duration) int {
		if now/(20*time.Millisecond)%2 == 0 {
			return 4
		}
		return 0
	})
	if s.changes > 10 {
		t.Errorf("%d changes in 10 s of a load that flaps every 20 ms", s.changes)
	}
}

func TestShortBlipIsIgnored(t *testing.T) {
	g := NewGovernor(Config{Max: 4})
	g.Step(0, Sample{Running: 2, Runnable: 3, Procs: 1})
	g.Step(4*time.Millisecond, Sample{Running: 1, Procs: 1})
	if want, _, _ := g.Step(12*time.Millisecond, Sample{Running: 2, Runnable: 1, Procs: 1}); want != 1 {
		t.Errorf("a wait of a few milliseconds brought %d vCPUs", want)
	}
}

// TestWhoIsExpectedIsNotWaitedFor: who has the vCPU that was asked for it is no reason to look all the time.
func TestWhoIsExpectedIsNotWaitedFor(t *testing.T) {
	g := NewGovernor(Config{Max: 4})
	var now time.Duration
	s := Sample{Running: 1, Procs: 1, Expected: 2}
	step := func() (want int, period time.Duration) {
		want, _, period = g.Step(now, s)
		now += period
		s.CPU += period
		return want, period
	}
	want, period := step()
	if period != lookWaiting {
		t.Errorf("looks again in %v while two are expected on one vCPU", period)
	}
	for range 100 {
		want, period = step()
	}
	s.Procs = want
	for range 100 {
		want, period = step()
	}
	if want != 2 || period < lookActive {
		t.Errorf("wants %d vCPUs for the two that are expected, and looks again in %v", want, period)
	}
}
