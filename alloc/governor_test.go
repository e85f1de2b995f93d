package alloc

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// TestRampsGrowAhead: a heap that only grows never holds more than was granted by then, at any
// rate that the latency allows for. This is the promise of the package. What it cannot promise is
// the first moment of a burst from rest in which more is allocated than the idle grant has room
// for, before anybody looks: there the gate holds the thread for one latency.
func TestRampsGrowAhead(t *testing.T) {
	for _, latency := range []time.Duration{2 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond} {
		for _, rate := range []float64{1, 10, 50, 200} {
			for _, keep := range []float64{1, 0.5, 0.1} {
				t.Run(fmt.Sprintf("%v/%vMiBps/keep=%v", latency, rate, keep), func(t *testing.T) {
					s := newSimulation(latency)
					s.run(time.Second, 0, 0)
					s.run(time.Duration(1000/rate*float64(time.Second)), rate*mib, keep)
					if s.short > 0 {
						t.Errorf("held %d KiB more than granted at %v (granted %d MiB)", s.short>>10, s.shortAt, s.granted>>20)
					}
					if s.demands > 200 {
						t.Errorf("%d demands on the way", s.demands)
					}
				})
			}
		}
	}
}

// TestDropAndSilence: a program that drops its data and allocates nothing more is collected once
// and its memory goes back.
func TestDropAndSilence(t *testing.T) {
	s := newSimulation(20 * time.Millisecond)
	s.run(5*time.Second, 100*mib, 1)
	if s.granted < 400*mib {
		t.Fatalf("granted only %d MiB under load", s.granted>>20)
	}
	s.drop()
	cycles := s.cycles
	s.run(time.Second, 0, 0)
	if s.granted > 32*mib {
		t.Errorf("one second after the drop %d MiB are still granted", s.granted>>20)
	}
	s.run(time.Minute, 0, 0)
	if n := s.cycles - cycles; n > 4 { // two that follow the one, and one to give back
		t.Errorf("%d collections of a silent program", n)
	}
}

// TestSilenceForgetsHaste: how fast a program allocated before it fell silent is no reason to hold memory ready for it, also where
// grants have come late.
func TestSilenceForgetsHaste(t *testing.T) {
	s := newSimulation(200 * time.Millisecond)
	s.run(5*time.Second, 100*mib, 1)
	s.drop()
	s.run(600*time.Millisecond, 0, 0)
	if s.gov.stated > 16*mib {
		t.Errorf("%d MiB are demanded 0.6 s after the drop", s.gov.stated>>20)
	}
}

// TestIdleCostsNothing: a program at rest is neither collected nor does it demand.
func TestIdleCostsNothing(t *testing.T) {
	s := newSimulation(20 * time.Millisecond)
	s.run(2*time.Second, 0, 0)
	demands, cycles := s.demands, s.cycles
	s.run(10*time.Minute, 0, 0)
	if s.demands != demands || s.cycles != cycles {
		t.Errorf("at rest: %d demands, %d collections", s.demands-demands, s.cycles-cycles)
	}
}

// TestSteadyLoadIsQuiet: constant load on a constant heap settles; demands do not flap.
func TestSteadyLoadIsQuiet(t *testing.T) {
	s := newSimulation(20 * time.Millisecond)
	s.run(3*time.Second, 50*mib, 0.5)
	s.run(5*time.Second, 50*mib, 0)
	demands := s.demands
	s.run(60*time.Second, 50*mib, 0)
	if n := s.demands - demands; n > 6 {
		t.Errorf("%d demands in a minute of steady load", n)
	}
	if s.short > 0 {
		t.Errorf("held %d KiB more than granted", s.short>>10)
	}
}

// TestRefusalWorksTheCollector: with no more to be had the limit holds the heap at the grant.
func TestRefusalWorksTheCollector(t *testing.T) {
	s := newSimulation(5 * time.Millisecond)
	s.most = 64 * mib
	s.run(2*time.Second, 10*mib, 1)
	s.run(20*time.Second, 50*mib, 0)
	if s.limit > 64*mib {
		t.Errorf("limit %d MiB above the grant", s.limit>>20)
	}
	if s.short > 0 {
		t.Errorf("held %d KiB more than granted", s.short>>10)
	}
	if s.cycles < 20 {
		t.Errorf("only %d collections under a tight limit", s.cycles)
	}
}

// TestRefusalIsNoLatency: a host that has no more for a while does not make the margin grow.
func TestRefusalIsNoLatency(t *testing.T) {
	s := newSimulation(5 * time.Millisecond)
	s.most = 128 * mib
	s.run(2*time.Second, 50*mib, 1)
	s.run(20*time.Second, 50*mib, 0)
	s.most = 0
	s.gov.Granted(s.now, s.gov.stated, hvcall.LimitNone, true)
	if late := s.gov.latency.Get(s.now, latencyHalfLife); late > 0.1 {
		t.Errorf("a latency of %.3f s was learnt from a refusal", late)
	}
}

func TestUserLimitIsRespected(t *testing.T) {
	g := NewGovernor(Config{UserLimit: 40 * mib})
	g.Granted(0, 512*mib, hvcall.LimitNone, true)
	if d := g.Step(time.Second, Sample{GOGC: 100, Live: 100 * mib, Objects: 100 * mib, Total: 110 * mib}); d.Limit != 40*mib {
		t.Errorf("limit %d MiB, the user set 40", d.Limit>>20)
	}
}

// TestUserLimitBoundsTheDemand: the collector keeps the heap below a GOMEMLIMIT, so more than that and what it does not count would
// lie idle; what is in use already is asked for all the same.
func TestUserLimitBoundsTheDemand(t *testing.T) {
	for _, c := range []struct {
		name        string
		live        int64
		least, most uint64
	}{
		{"goal above the limit", 100 * mib, 140 * mib, 160 * mib},
		{"more in use than the limit", 300 * mib, 310 * mib, 360 * mib},
	} {
		g := NewGovernor(Config{UserLimit: 140 * mib})
		d := g.Step(time.Second, Sample{GOGC: 100, Live: c.live, Objects: c.live, Total: c.live + 10*mib})
		if d.Statement.Memory < c.least || d.Statement.Memory > c.most {
			t.Errorf("%s: demand %d MiB", c.name, d.Statement.Memory>>20)
		}
	}
}

// TestReturnInTheIdleMoment: the host takes memory back, or is late, in the very moment at which the program was to be collected. Whatever
// is done then, the next silence behind work is collected as any other.
func TestReturnInTheIdleMoment(t *testing.T) {
	for name, c := range map[string]struct {
		granted int64
		why     hvcall.Limit
		want    Collect
	}{
		"taken back": {448 * mib, hvcall.LimitNone, CollectReturn},
		"late":       {448 * mib, hvcall.LimitLate, CollectNone},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewGovernor(Config{})
			s := Sample{Cycles: 1, Live: 420 * mib, Objects: 424 * mib, Free: 100 * mib, Total: 530 * mib, GOGC: goPercent}
			var now time.Duration
			look := func(cpu time.Duration) Decision {
				now += 50 * time.Millisecond
				s.CPU += cpu
				return g.Step(now, s)
			}
			silence := func() Collect {
				for i := range 60 {
					work := 40 * time.Millisecond
					if i >= 20 {
						work = 0
					}
					if d := look(work); d.Collect != CollectNone {
						return d.Collect
					}
				}
				return CollectNone
			}
			g.Granted(0, 1024*mib, hvcall.LimitNone, true)
			for range 20 {
				look(40 * time.Millisecond)
			}
			for range 4 {
				if d := look(0); d.Collect != CollectNone {
					t.Fatalf("collected %v before it is silent for long", d.Collect)
				}
			}
			g.Granted(now, c.granted, c.why, true)
			d := look(0)
			for range 40 {
				if d.Collect != CollectNone {
					break
				}
				d = look(0)
			}
			if d.Collect != c.want {
				t.Fatalf("collected %v, paused %v", d.Collect, d.Paused)
			}
			if d.Collect != CollectNone {
				g.Collected(time.Millisecond, s)
			}
			s.Free, s.Total = 10*mib, 440*mib
			g.Granted(now, 1024*mib, hvcall.LimitNone, true)
			if got := silence(); got == CollectNone {
				t.Error("the next silence is not collected")
			}
		})
	}
}

func TestShrinkIsDoneBeforeItIsTold(t *testing.T) {
	s := newSimulation(10 * time.Millisecond)
	s.run(4*time.Second, 100*mib, 1)
	s.drop()
	for range 3000 {
		before := s.gov.stated
		s.run(simStep, 0, 0)
		if s.gov.stated < before && s.held() > s.gov.stated {
			t.Fatalf("demanded %d MiB while holding %d MiB", s.gov.stated>>20, s.held()>>20)
		}
	}
}

// TestAnySample: whatever the runtime may say, decisions stay in their ranges.
func TestAnySample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewGovernor(Config{})
		var now time.Duration
		size := rapid.Int64Range(0, 1<<40)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "dt"))
			if rapid.Bool().Draw(t, "grant") {
				g.Granted(now, size.Draw(t, "bytes"), hvcall.LimitNone, true)
			}
			s := Sample{
				Live: size.Draw(t, "live"), Objects: size.Draw(t, "objects"), Unused: size.Draw(t, "unused"), Free: size.Draw(t, "free"),
				Total: size.Draw(t, "total"), Allocs: size.Draw(t, "allocs"), GOGC: rapid.Int64Range(-1, 1000).Draw(t, "gogc"),
				Stacks: size.Draw(t, "stacks"), CPU: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "cpu")), Cycles: rapid.Uint64Range(0, 9).Draw(t, "cycles"),
			}
			d := g.Step(now, s)
			if d.Limit < mib || d.Period < periodLeast || d.Period > periodMost {
				t.Fatalf("limit %d, period %v", d.Limit, d.Period)
			}
			if d.Statement.Floor > d.Statement.Memory || int64(d.Statement.Memory) <= 0 {
				t.Fatalf("statement %+v", d.Statement)
			}
			if d.Statement.Urgency > hvcall.UrgencyStalled {
				t.Fatalf("urgency %d", d.Statement.Urgency)
			}
		}
	})
}

func TestGoal(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Sample
		want int64
	}{
		{"doubles", Sample{Live: 100 * mib, GOGC: 100}, 200 * mib},
		{"roots count", Sample{Live: 100 * mib, Stacks: 10 * mib, Globals: 10 * mib, GOGC: 50}, 160 * mib},
		{"least", Sample{GOGC: 100}, 4 * mib},
		{"least scales", Sample{GOGC: 400}, 16 * mib},
		{"off", Sample{Live: 100 * mib, Objects: 300 * mib, GOGC: -1}, 300 * mib},
		{"behind", Sample{Live: 10 * mib, Objects: 50 * mib, GOGC: 100}, 50 * mib},
	} {
		got := Goal(c.s)
		if d := got - c.want; d > 1000 || d < -1000 { // whole percents of a byte are lost
			t.Errorf("%s: %d MiB, want %d", c.name, got>>20, c.want>>20)
		}
	}
}
