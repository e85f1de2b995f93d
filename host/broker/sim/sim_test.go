package sim

import (
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	for _, p := range []float64{0.7, 0.9, 1.0, 1.1, 1.2, 1.4} {
		var specs []Spec
		for _, m := range Manners[1:] {
			specs = append(specs, HonestSpecs...)
			specs = append(specs, HonestSpecs...)
			specs = append(specs, Spec{Load: Steady, Manner: m})
		}
		specs = append(specs, Spec{Load: Greedy, Manner: Honest})
		specs = append(specs, Spec{Load: Greedy, Manner: Honest})
		w := New(Config{Guests: 650, Seed: 1, Pressure: p, Specs: specs, Unchecked: true})
		start := time.Now()
		err := w.Run(150 * time.Second)
		s := w.Score()
		t.Logf("p=%v: %v steps in %v, sat %.4f jain %.4f kills %v flags %v", p, s.Steps, time.Since(start), s.Satisfied, s.Jain, s.Kills, s.Flags)
		n := 0
		for i, g := range w.guests {
			u := w.sums[i]
			if x := u.got / u.best; g.Manner == Honest && x < 0.9 && n < 4 {
				n++
				o, _ := w.b.Guest(g.id)
				t.Logf("  %s %v x=%.3f plugged %d using %d want %d target %d asked %d op %d bucket %+v urgency %v phase %v need %d..%d tax %d", g.id, g.Spec, x, g.plugged>>20, g.using.Memory>>20, o.Memory.Want>>20, o.Memory.Target>>20, o.Memory.Asked>>20, o.Memory.Op, o.Memory.Bucket, o.Demand.Urgency, o.Phase, g.need.low>>20, g.need.high>>20, o.Memory.Use.Tax)
			}
		}
		st := w.b.State()
		var up, cpu, tgt int64
		for _, g := range st.Guests {
			up += g.Memory.Upper
			tgt += g.CPU.Target
			if len(g.CPU.Promises) > 0 {
				cpu += g.CPU.Promises[0].Amount
			}
		}
		t.Logf("  x= upper %d of %d, cpu %d of %d targets %d", up>>20, st.Capacity.Memory>>20, cpu, st.Capacity.MilliCPU, tgt)
		for i := range 13 {
			g := w.guests[i+650-78]
			o, _ := w.b.Guest(g.id)
			t.Logf("  x= %v cpu %+v applied %d serial %d", g.Spec, o.CPU, o.Applied, o.Grant.Serial)
		}
		for k, v := range s.Held {
			t.Logf("   %v %.0f", k, v/(1<<20))
		}
		if err != nil {
			t.Error(err)
		}
	}
}
