package bench

import (
	"testing"
	"time"
)

func TestPollerDecides(t *testing.T) {
	const step = int64(pollStep)
	full := func(n int64) []int64 { return []int64{n, n, n, n, n} }
	for _, c := range []struct {
		name  string
		used  []int64
		total int64
		size  int64
		asked time.Duration // of the last request; 0 = none
		now   time.Duration
		to    int64
		ask   bool
	}{
		{name: "below the mark", used: full(84), total: 100, size: 2 * step, now: time.Second, to: 2 * step},
		{name: "above it", used: full(86), total: 100, size: 2 * step, now: time.Second, to: 3 * step, ask: true},
		{name: "too few samples", used: full(99)[1:], total: 100, size: 2 * step, now: time.Second, to: 2 * step},
		{name: "the mean is still below", used: []int64{50, 60, 70, 80, 99}, total: 100, size: 2 * step, now: time.Second, to: 2 * step},
		{name: "old samples are forgotten", used: append([]int64{0, 0}, full(90)...), total: 100, size: 2 * step, now: time.Second, to: 3 * step, ask: true},
		{name: "asked just now", used: full(99), total: 100, size: 2 * step, asked: time.Second, now: 1900 * time.Millisecond, to: 2 * step},
		{name: "asked a second ago", used: full(99), total: 100, size: 2 * step, asked: time.Second, now: 2 * time.Second, to: 3 * step, ask: true},
		{name: "at the most", used: full(99), total: 100, size: 4 * step, now: time.Second, to: 4 * step},
		{name: "would do with less", used: full(step * 84 / 100), total: 2 * step, size: 2 * step, now: time.Second, to: step, ask: true},
		{name: "would not", used: full(step * 86 / 100), total: 2 * step, size: 2 * step, now: time.Second, to: 2 * step},
		{name: "at the least", used: full(0), total: step, size: step, now: time.Second, to: step},
	} {
		p := poller{least: step, most: 4 * step, asked: c.asked != 0, last: c.asked}
		for _, u := range c.used {
			p.sample(u, c.total)
		}
		if to, ask := p.decide(c.now, c.size); to != c.to || ask != c.ask {
			t.Errorf("%s: asks for %d: %v, want %d: %v", c.name, to, ask, c.to, c.ask)
		}
	}
}

// TestPollerFollows lets a usage climb and fall and watches the size.
func TestPollerFollows(t *testing.T) {
	p := poller{least: pollLeast, most: heapMost}
	size, requests := int64(pollLeast), 0
	var lastAt time.Duration
	at := func(now time.Duration, used int64) {
		p.sample(used, size)
		if to, ask := p.decide(now, size); ask {
			if requests > 0 && now-lastAt < pollBetween {
				t.Fatalf("asked at %v and again at %v", lastAt, now)
			}
			if d := to - size; d != pollStep && d != -pollStep {
				t.Fatalf("a step of %d MiB", d>>20)
			}
			size, lastAt, requests = to, now, requests+1
		}
	}
	now := time.Duration(0)
	for ; now < 60*time.Second; now += pollEvery {
		at(now, min(int64(now.Seconds()*50)<<20, 1000<<20))
	}
	if size != 1280<<20 {
		t.Errorf("1000 MiB used in %d MiB", size>>20)
	}
	for ; now < 90*time.Second; now += pollEvery {
		at(now, 30<<20)
	}
	if size != pollLeast {
		t.Errorf("30 MiB used in %d MiB", size>>20)
	}
}
