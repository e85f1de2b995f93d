package alloc

import (
	"bytes"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// TestExtraHeapUnits: 10 MiB marked at 500 MB/s, 500 MB/s allocated. With 10 MiB extra it collects 47.7 times a second
// for 21 ms, which is one vCPU; so one byte is worth a ten-millionth of that.
func TestExtraHeapUnits(t *testing.T) {
	const heap = 10 << 20
	price := 1.0 / heap // vCPUs per byte
	if got := extraHeap(heap, 500e6, 500e6, price); math.Abs(got-heap) > 1 {
		t.Errorf("%v bytes, want %v", got, heap)
	}
	if got := hvcall.PriceOf(1_000_000); got != 1.0/(1<<30) {
		t.Errorf("a million micro-vCPUs for a GiB are %v vCPUs for a byte", got)
	}
}

// TestRuleIsOptimal: of two heaps that follow the rule at one price, no byte of extra heap would be of more
// use in the other one.
func TestRuleIsOptimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (marked, rate, speed float64) {
			return rapid.Float64Range(1e5, 1e10).Draw(t, name+" marked"), rapid.Float64Range(1e3, 1e10).Draw(t, name+" rate"),
				rapid.Float64Range(1e7, 1e10).Draw(t, name+" speed")
		}
		m1, r1, s1 := draw("a")
		m2, r2, s2 := draw("b")
		price := rapid.Float64Range(1e-14, 1e-4).Draw(t, "price")
		e1, e2 := extraHeap(m1, r1, s1, price), extraHeap(m2, r2, s2, price)
		cost := func(e1, e2 float64) float64 { return m1*r1/(s1*e1) + m2*r2/(s2*e2) }
		moved := rapid.Float64Range(-0.99, 0.99).Draw(t, "moved") * min(e1, e2)
		if best, other := cost(e1, e2), cost(e1+moved, e2-moved); other < best*(1-1e-9) {
			t.Errorf("%v vCPUs by the rule, %v with %v bytes moved", best, other, moved)
		}
	})
}

// TestPercentOf: for any heap the bounds hold, more extra is never a lower GOGC, and within the bounds the goal
// is what was asked for.
func TestPercentOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, 1<<44)
		s := Sample{Live: size.Draw(t, "live"), Stacks: size.Draw(t, "stacks"), Globals: size.Draw(t, "globals")}
		price := rapid.Uint64Range(1, hvcall.MaxPrice).Draw(t, "price")
		extra := rapid.Float64Range(0, 1e14).Draw(t, "extra")
		p, more := percentOf(s, extra, price), percentOf(s, extra*1.5, price)
		if p < percentLeast || p > percentMost || more < p {
			t.Fatalf("GOGC %d, and %d for half as much again", p, more)
		}
		if price < priceFull/100 && (p < 95 || p > 110) {
			t.Fatalf("GOGC %d although memory costs next to nothing", p)
		}
		if s.GOGC = p; price >= priceFull && p > percentLeast && p < percentMost && extra > extraLeast {
			want := float64(s.Live) + extra
			// A percent of what is marked, rounded, and of Go's least heap.
			if got := float64(Goal(s)); math.Abs(got-want) > float64(s.marks()+minHeapGoal)/100+1000 {
				t.Fatalf("goal %v, want %v (GOGC %d)", got, want, p)
			}
		}
	})
}

// TestPriceMovesTheDemand: a heap under steady load asks for less when memory becomes dear, for Go's own
// size again when it is plenty, and changes its mind no more than that.
func TestPriceMovesTheDemand(t *testing.T) {
	s := newSimulation(10 * time.Millisecond)
	s.run(3*time.Second, 50*mib, 1)
	s.run(20*time.Second, 50*mib, 0)
	plenty := s.gov.stated
	s.gov.Priced(500_000_000)
	s.run(20*time.Second, 50*mib, 0)
	dear := s.gov.stated
	if dear > plenty*3/4 {
		t.Errorf("%d MiB demanded when dear, %d MiB when plenty", dear>>20, plenty>>20)
	}
	set, demands := s.set, s.demands
	s.run(time.Minute, 50*mib, 0)
	if s.set != set || s.demands > demands+2 {
		t.Errorf("under steady load GOGC was set %d times, %d demands", s.set-set, s.demands-demands)
	}
	s.gov.Priced(0)
	s.run(20*time.Second, 50*mib, 0)
	if s.gogc != goPercent || max(s.gov.stated-plenty, plenty-s.gov.stated) > plenty/8 {
		t.Errorf("GOGC %d and %d MiB demanded, %d MiB before", s.gogc, s.gov.stated>>20, plenty>>20)
	}
	if s.short > 0 {
		t.Errorf("held %d KiB more than granted", s.short>>10)
	}
}

// TestRuleMeetsItsFormula: the simulated program marks 1 MiB in 0.5 ms, so its extra heap at a price is known.
func TestRuleMeetsItsFormula(t *testing.T) {
	s := newSimulation(10 * time.Millisecond)
	s.run(2*time.Second, 50*mib, 1)
	s.gov.Priced(2_000_000)
	s.run(time.Minute, 50*mib, 0)
	price := hvcall.PriceOf(2_000_000)
	want := extraHeap(float64(s.live), 50*mib, mib/markPerMiB.Seconds(), price)
	got := float64(Goal(s.read()) - s.marked)
	if got < 0.75*want || got > 1.25*want {
		t.Errorf("GOGC %d: %.1f MiB extra, the rule says %.1f", s.gogc, got/mib, want/mib)
	}
}

// TestPriceIsAnsweredAtOnce: a heap that collects rarely does not wait for a cycle of its own to lower its
// demand: the host looks for the price by the answers.
func TestPriceIsAnsweredAtOnce(t *testing.T) {
	s := newSimulation(10 * time.Millisecond)
	s.run(4*time.Second, 50*mib, 1)
	s.run(30*time.Second, 10*mib, 0)
	before := s.gov.stated
	s.gov.Priced(500_000_000) // what is garbage by now is in use until the next collection
	s.run(500*time.Millisecond, 10*mib, 0)
	if s.gov.stated > before*7/8 {
		t.Errorf("%d MiB demanded half a second after the price, %d MiB before", s.gov.stated>>20, before>>20)
	}
}

func TestFreeMemoryLeavesGOGCAlone(t *testing.T) {
	s := newSimulation(10 * time.Millisecond)
	s.run(10*time.Second, 50*mib, 0.2)
	if s.set != 0 {
		t.Errorf("GOGC was set %d times at price 0", s.set)
	}
}

// TestUserGOGCIsRespected: set in the environment, or by the program while the rule is at work.
func TestUserGOGCIsRespected(t *testing.T) {
	for name, s := range map[string]*simulation{
		"environment": {gov: NewGovernor(Config{UserGOGC: true}), gogc: goPercent},
		"program":     {gov: NewGovernor(Config{}), gogc: 50},
		"off":         {gov: NewGovernor(Config{}), gogc: -1},
	} {
		s.latency, s.granted, s.total, s.free, s.marked = 10*time.Millisecond, simStart, 4*mib+simRest, 4*mib, 1
		s.gov.Priced(500_000_000)
		before := s.gogc
		s.run(5*time.Second, 50*mib, 0.2)
		if s.gogc != before || s.set != 0 {
			t.Errorf("%s: GOGC %d became %d", name, before, s.gogc)
		}
	}
}

// TestAgentSetsGOGC drives the runtime's own GOGC: by price, until the program sets another.
func TestAgentSetsGOGC(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	defer debug.SetGCPercent(debug.SetGCPercent(goPercent))
	var log bytes.Buffer
	a := New(Config{}, slog.New(slog.NewTextHandler(&log, nil)), func(Statement) {})
	a.Grant(hvcall.Grant{Memory: 1 << 30, Price: hvcall.MaxPrice}, true)
	defer debug.FreeOSMemory() // other tests look at how much this process holds
	keep := make([]*[1 << 10]byte, 24<<10)
	for i := range keep {
		keep[i] = new([1 << 10]byte)
	}
	a.step()
	runtime.GC()
	a.step()
	if got := gogc(); got != percentLeast {
		t.Fatalf("GOGC %d at the highest price", got)
	}
	debug.SetGCPercent(70)
	a.Grant(hvcall.Grant{Memory: 1 << 30}, true)
	a.step()
	a.step()
	if got := gogc(); got != 70 {
		t.Errorf("GOGC %d, the program set 70", got)
	}
	if n := strings.Count(log.String(), "the program set GOGC"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
	runtime.KeepAlive(keep)
	keep = nil
	a.work.Wait()
}

func gogc() int64 { return newMeter().read().GOGC }

func TestAgentTellsOfUserGOGC(t *testing.T) {
	t.Setenv("GOGC", "33")
	var log bytes.Buffer
	a := New(Config{}, slog.New(slog.NewTextHandler(&log, nil)), func(Statement) {})
	if !a.gov.rule.yielded || !strings.Contains(log.String(), "GOGC is set") {
		t.Errorf("yielded %v, told %q", a.gov.rule.yielded, log.String())
	}
}
