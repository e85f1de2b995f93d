package node

import (
	"testing"
	"time"
)

func TestFlood(t *testing.T) {
	const tick = measureEvery
	var f flood
	now, held := time.Duration(0), time.Duration(0)
	for _, c := range []struct {
		name  string
		ticks int
		held  time.Duration // in each
		want  bool          // at the end of them
	}{
		{"calm", 10, 0, false},
		{"a burst that is over at once", 4, tick / 3, false},
		{"a flood", 1, tick, true},
		{"it goes on", 100, tick * 9 / 10, true},
		{"calm for a moment", 4, 0, true},
		{"again", 1, tick, true},
		{"calm for so long", int(floodFor / tick), 0, false},
	} {
		var got bool
		for range c.ticks {
			now, held = now+tick, held+c.held
			got = f.step(now, held)
		}
		if got != c.want {
			t.Errorf("%s: floods is %v", c.name, got)
		}
	}
}
