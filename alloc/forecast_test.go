package alloc

import (
	"testing"

	"pgregory.net/rapid"
)

// drawSample is any process whose figures add up, up to sizes no machine has.
func drawSample(t *rapid.T) Sample {
	size := rapid.OneOf(rapid.Int64Range(0, 1<<30), rapid.Int64Range(0, 1<<50))
	s := Sample{
		Live: size.Draw(t, "live"), Stacks: size.Draw(t, "stacks"), Globals: size.Draw(t, "globals"),
		GOGC: rapid.Int64Range(-1, 2*percentMost).Draw(t, "gogc"), Objects: size.Draw(t, "objects"),
		Unused: size.Draw(t, "unused"), Free: size.Draw(t, "free"), Released: size.Draw(t, "released"),
	}
	s.Total = s.Objects + s.Unused + s.Free + s.Stacks + s.Globals + s.Released + size.Draw(t, "tables")
	return s
}

// TestForecastHoldsWhatThereIs: it is never below what is in use, nor above what it is made of: the goal with all
// its allowances, fragmentation included, and what is not heap.
func TestForecastHoldsWhatThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		f, goal := Forecast(s), Goal(s)
		if used := s.Held() - s.Free; f < used {
			t.Fatalf("forecast %d, in use are %d", f, used)
		}
		// 1 + 3/64, of that 1 + 1/8 and 1/64: less than 6/5.
		if most := max(goal/5*6+6+s.rest(), s.Held()-s.Free); f > most {
			t.Fatalf("forecast %d for a goal of %d, want at most %d", f, goal, most)
		}
	})
}

// TestForecastGrowsWithTheHeap: more live data, or a higher GOGC, never means a lower forecast.
func TestForecastGrowsWithTheHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		more := s
		more.Live += rapid.Int64Range(0, 1<<40).Draw(t, "more")
		if Forecast(more) < Forecast(s) {
			t.Fatalf("forecast %d, and %d for more live data", Forecast(s), Forecast(more))
		}
		more = s
		if s.GOGC >= 0 {
			more.GOGC += rapid.Int64Range(0, 100).Draw(t, "percent")
		}
		if Forecast(more) < Forecast(s) {
			t.Fatalf("forecast %d, and %d at GOGC %d", Forecast(s), Forecast(more), more.GOGC)
		}
	})
}

// TestDemandHoldsEverything: reservations and memory outside the heap are in the demand.
func TestDemandHoldsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		g := NewGovernor(Config{})
		g.offHeap = rapid.Int64Range(0, 1<<50).Draw(t, "off heap")
		reserved := rapid.Int64Range(0, 1<<50).Draw(t, "reserved")
		g.Reserve(reserved)
		d := g.Step(0, s)
		if got, least := int64(d.Statement.Memory), Forecast(s)+g.offHeap+reserved; got < least {
			t.Fatalf("demanded %d, the parts are %d", got, least)
		}
	})
}
