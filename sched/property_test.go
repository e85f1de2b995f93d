package sched

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestGovernorProperties: whatever a scheduler says, and whenever, a governor wants one vCPU to Max, changes no more
// than ten times in a second, does not rise while its vCPUs are stolen, and is looked for at sane distances.
func TestGovernorProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Max: rapid.IntRange(1, 8).Draw(t, "max"), Probe: rapid.Bool().Draw(t, "probe")}
		g := NewGovernor(cfg)
		var now time.Duration
		var s Sample
		var changes []time.Duration
		last := 1
		for range rapid.IntRange(1, 300).Draw(t, "samples") {
			dt := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "dt"))
			now += dt
			s.Running, s.Runnable = rapid.IntRange(0, 9).Draw(t, "running"), rapid.IntRange(0, 100).Draw(t, "runnable")
			s.Procs = rapid.IntRange(0, 8).Draw(t, "procs")
			s.CPU += time.Duration(float64(dt) * rapid.Float64Range(0, 8).Draw(t, "used"))
			s.Waited += time.Duration(float64(dt) * rapid.Float64Range(0, 100).Draw(t, "waited"))
			s.Starts += rapid.Uint64Range(0, 1000).Draw(t, "starts")
			s.Steal = rapid.Uint32Range(0, 100).Draw(t, "steal")
			want, changed, period := g.Step(now, s)
			if want < 1 || want > cfg.Max || changed != (want != last) || period < lookWaiting || period > lookAsleep {
				t.Fatalf("wants %d after %d (changed %v), looked for after %v", want, last, changed, period)
			}
			if want > last && s.Steal >= Stolen {
				t.Fatalf("wants %d after %d while %d thousandths are stolen", want, last, s.Steal)
			}
			if changed {
				changes = append(changes, now)
			}
			last = want
		}
		for i := range len(changes) - 10 {
			if within := changes[i+10] - changes[i]; within < time.Second {
				t.Fatalf("eleven changes within %v: %v", within, changes[i:i+11])
			}
		}
	})
}

// TestSteadyLoadsSettle: a load that does not change brings no change, once the governor has seen enough of it, and
// leaves neither work waiting nor vCPUs unused.
func TestSteadyLoadsSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(t, "max")
		n := rapid.IntRange(0, 8).Draw(t, "goroutines")
		s := newScenario(most)
		s.run(10*time.Second, steady(n))
		before := s.changes
		s.run(time.Minute, steady(n))
		if s.changes != before || s.procs != min(max(n, 1), most) {
			t.Fatalf("%d goroutines, %d vCPUs at most: has %d, %d changes in a steady minute", n, most, s.procs, s.changes-before)
		}
	})
}

// TestStealHoldsTheDemand: more vCPUs would fight with those there are; when nothing is stolen any more the
// demand rises at once.
func TestStealHoldsTheDemand(t *testing.T) {
	s := newScenario(4)
	s.sample.Steal = 300
	s.run(5*time.Second, steady(4))
	if s.procs != 1 {
		t.Errorf("asked for %d vCPUs while those it has are stolen", s.procs)
	}
	s.sample.Steal = 0
	s.run(time.Second, steady(4))
	if s.procs != 4 || s.upAfter > 20*time.Millisecond {
		t.Errorf("after that: %d vCPUs, asked for after %v", s.procs, s.upAfter)
	}
}

// TestCrowdIsNoticed: requests that come in short bouts queue up although no bout is worth a vCPU.
func TestCrowdIsNoticed(t *testing.T) {
	g := NewGovernor(Config{Max: 4})
	var s Sample
	want := 1
	for now := time.Duration(0); now < 3*time.Second; now += 2 * time.Millisecond {
		// Between two looks goroutines came and went: the vCPU is 95 % used, and three of them wait on average.
		s.Running, s.Runnable, s.Procs = 1, 0, 1
		s.CPU += 1900 * time.Microsecond
		s.Waited += 6 * time.Millisecond
		want, _, _ = g.Step(now, s)
	}
	if want < 2 {
		t.Errorf("wants %d", want)
	}
}

// TestProbe: a program that uses all it has is given one more to try, keeps it if it uses it, and is asked ever more
// seldom if it does not.
func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name    string
		threads int // that it can keep busy at most
		most    int // changes in ten minutes
	}{{"one thread", 1, 2 * 10}, {"as many as there are", 8, 3}} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGovernor(Config{Max: 4, Probe: true})
			var s Sample
			want, changes := 1, 0
			for now := time.Duration(0); now < 10*time.Minute; now += 20 * time.Millisecond {
				use := min(want, c.threads)
				s.Running, s.Procs = use+1, want
				s.CPU += time.Duration(use) * 20 * time.Millisecond
				var changed bool
				if want, changed, _ = g.Step(now, s); changed {
					changes++
				}
			}
			if changes > c.most || changes == 0 || c.threads > 1 && want != 4 {
				t.Errorf("%d changes, want at most %d; wants %d", changes, c.most, want)
			}
		})
	}
}

// TestDoubtGrows: a load that is just enough for one vCPU and a bit, over and over, is not followed each time.
func TestDoubtGrows(t *testing.T) {
	s := newScenario(2)
	var when []time.Duration
	for range 120 {
		before := s.changes
		s.run(4*time.Second, func(now time.Duration) int { return 1 + int(now/(100*time.Millisecond)%20/19) })
		if s.changes > before {
			when = append(when, s.now)
		}
	}
	if n := len(when); n > 12 || !slices.IsSorted(when) {
		t.Errorf("changed in %d of 120 intervals of a load that repeats itself", n)
	}
}
