package sched

import (
	"testing"
	"time"
)

// TestLookFollowsTheProgram: an idle program is left alone, one at work is looked at often, and never more often than
// its own goroutines start.
func TestLookFollowsTheProgram(t *testing.T) {
	for _, c := range []struct {
		name        string
		starts      float64 // a second, besides the look's own
		least, most time.Duration
	}{
		{"asleep", 0, lookAsleep, lookAsleep},
		{"a timer now and then", 50, lookAsleep, lookAsleep},
		{"requests", 3000, lookActive, 3 * lookActive},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l look
			var s Sample
			s.Running = 1
			starts, longest := 0.0, time.Duration(0)
			period := lookActive
			for now := time.Duration(0); now < 60*time.Second; now += period {
				starts += 1 + c.starts*period.Seconds()
				s.Starts = uint64(starts) / tracked * tracked
				period = l.next(now, s, s.waits(1), true)
				if now > 40*time.Second {
					longest = max(longest, period)
				}
			}
			if longest < c.least || longest > c.most {
				t.Errorf("looked for after %v at most, want %v to %v", longest, c.least, c.most)
			}
		})
	}
	var l look
	for now := time.Duration(0); now < time.Minute; now += lookAsleep {
		s := Sample{Running: 1}
		if now%(5*time.Second) == 0 {
			s.Runnable = 1
		}
		if got := l.next(now, s, s.waits(1), true); now > 30*time.Second && now%(5*time.Second) > fading*lookAsleep && got != lookAsleep {
			t.Fatalf("asleep, and met another that looks about it now and then: %v", got)
		}
	}
	l = look{rung: true}
	for now, period := time.Duration(0), lookActive; now < 10*time.Second; now += period {
		met := Sample{Running: 1 + int(now/time.Millisecond)%2} // by chance, now and then
		period = l.next(now, met, met.waits(1), true)
		if now > 3*time.Second && period != lookRung {
			t.Fatalf("work rings, and at rest for %v it is looked at after %v", now, period)
		}
	}
	l = look{}
	if got := l.next(1, Sample{Running: 1, Runnable: 3}, 3, true); got != lookWaiting {
		t.Errorf("goroutines wait: %v", got)
	}
	if got := l.next(1, Sample{Running: 1, Runnable: 3}, 3, false); got != lookFull {
		t.Errorf("goroutines wait and nothing helps: %v", got)
	}
}
