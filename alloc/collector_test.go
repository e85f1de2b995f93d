package alloc

import (
	"log/slog"
	"math"
	"runtime/debug"
	"testing"
)

// TestProgramSetsGOGCWhilePaused: its own value outlives the pause, and a GOMEMLIMIT of the user's stands all the while.
func TestProgramSetsGOGCWhilePaused(t *testing.T) {
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(percent) }()
	quiet := slog.New(slog.DiscardHandler)
	for _, c := range []struct{ sets, want, user, limit int64 }{
		{-1, 100, 0, math.MaxInt64},
		{50, 50, 1 << 40, 1 << 40},
	} {
		debug.SetGCPercent(100)
		k := collector{user: c.user}
		k.apply(Decision{Paused: true, Limit: 1 << 30}, 100, quiet)
		if got := debug.SetGCPercent(int(c.sets)); got != -1 {
			t.Errorf("GOGC is %d while paused", got)
		}
		if got := debug.SetMemoryLimit(-1); got != c.limit {
			t.Errorf("a memory limit of %d while paused, want %d", got, c.limit)
		}
		k.apply(Decision{Limit: 1 << 30}, k.see(Sample{GOGC: c.sets}).GOGC, quiet)
		if got := debug.SetGCPercent(100); int64(got) != c.want {
			t.Errorf("GOGC is %d after the pause, want %d", got, c.want)
		}
	}
}
