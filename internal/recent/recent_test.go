package recent

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHighHalvesAndJumps(t *testing.T) {
	var h High
	const half = time.Second
	h.Add(0, 100, half)
	for _, c := range []struct {
		at   time.Duration
		want float64
	}{{0, 100}, {500 * time.Millisecond, 75}, {time.Second, 50}, {2 * time.Second, 25}, {1000 * time.Hour, 0}} {
		if got := h.Get(c.at, half); got < c.want-1e-6 || got > c.want+1e-6 {
			t.Errorf("Get(%v) = %v, want %v", c.at, got, c.want)
		}
	}
	h.Add(time.Second, 40, half)
	if got := h.Get(time.Second, half); got != 50 {
		t.Errorf("a lower value pulled the high down to %v", got)
	}
	h.Add(time.Second, 400, half)
	if got := h.Get(time.Second, half); got != 400 {
		t.Errorf("a higher value was not taken: %v", got)
	}
}

// TestWindowAgainstList compares with the plain definition: every value younger than span counts,
// none older than 8/7 of it does.
func TestWindowAgainstList(t *testing.T) {
	type seen struct {
		at time.Duration
		v  int64
	}
	rapid.Check(t, func(t *rapid.T) {
		span := time.Duration(rapid.IntRange(7, 10_000).Draw(t, "span")) * time.Millisecond
		var w Window
		var all []seen
		var now time.Duration
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(span)).Draw(t, "dt"))
			v := rapid.Int64Range(0, 1000).Draw(t, "v")
			all = append(all, seen{now, v})
			got := w.Add(now, v, span)
			var least, most int64
			for _, s := range all {
				if now-s.at < span-span/7 {
					least = max(least, s.v)
				}
				if now-s.at <= span+span/5 {
					most = max(most, s.v)
				}
			}
			if got < least || got > most {
				t.Fatalf("at %v: window says %d, values give between %d and %d", now, got, least, most)
			}
		}
	})
}
