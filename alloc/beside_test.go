package alloc

import (
	"testing"
	"time"
)

// cycle lets a collection end that used gc, d after the one before; the program used the rest of busy, a share of a vCPU.
func cycle(now *time.Duration, s *Sample, d, gc time.Duration, busy float64) {
	*now += d
	s.Cycles++
	s.GCCPU += gc
	s.CPU += time.Duration(busy * float64(d))
}

func TestBeside(t *testing.T) {
	const d = 400 * time.Millisecond
	for _, tt := range []struct {
		name string
		gc   []time.Duration
		busy float64
		want bool
	}{
		{"a collector that takes a quarter", []time.Duration{d / 4, d / 4}, 1, true},
		{"one that takes little", []time.Duration{d / 10, d / 10}, 1, false},
		{"a program that is half idle", []time.Duration{d / 4, d / 4}, 0.5, false},
		{"less than at first", []time.Duration{d / 4, d / 10}, 1, true},
		{"next to nothing any more", []time.Duration{d / 4, d / 20}, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b beside
			var cycles cycleWatch
			var now time.Duration
			var s Sample
			step := func() bool {
				ended := cycles.step(now, s)
				return b.step(now, s, cycles, ended)
			}
			cycle(&now, &s, d, 0, 0)
			step()
			for _, gc := range tt.gc {
				cycle(&now, &s, d, gc, tt.busy)
				step()
			}
			now += d / 2
			if got := step(); got != tt.want {
				t.Errorf("worth a vCPU: %v, want %v", got, tt.want)
			}
			now += 2 * time.Second
			if step() {
				t.Error("still, long after the last collection")
			}
		})
	}
}
