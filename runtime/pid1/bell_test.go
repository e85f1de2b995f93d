package pid1

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func (b *bell) due(now time.Duration, width, wanted, most int) bool {
	_, due := b.ask(now, width, wanted, most)
	return due
}

func TestBellAsksAhead(t *testing.T) {
	if b := (bell{}); b.due(1, 1, 1, 2) {
		t.Fatal("a kernel is asked that cannot tell")
	}
	b := bell{hears: true}
	if !b.due(1, 1, 1, 2) {
		t.Fatal("the kernel is not asked")
	}
	if b.due(2, 1, 1, 2) {
		t.Fatal("it is asked again while it has not answered")
	}
	b.rang(3, 1, 2)
	if b.ahead != 2 {
		t.Fatalf("asked for %d vCPUs ahead, want 2", b.ahead)
	}
	b.wanted(4, 1, 1) // said before it noticed
	b.step(3 + aheadFor - 1)
	if b.ahead != 2 {
		t.Error("the vCPU is given up before the application had its time")
	}
	b.wanted(4, 2, 1)
	if b.ahead != 0 || b.due(4, 2, 2, 2) || b.due(4, 1, 2, 2) {
		t.Errorf("the application speaks for itself, and yet %+v", b)
	}
	b.wanted(5, 1, 2)
	if b.due(5+crowdedRest-1, 1, 1, 2) || !b.due(5+crowdedRest, 1, 1, 2) {
		t.Error("it does no more, and the kernel is not asked again once those that ran there have come to rest")
	}
}

// TestBellBelievesLessWhatWasWrong: after words that lead to nothing a crowd must last longer, and each that was right ends some of that.
func TestBellBelievesLessWhatWasWrong(t *testing.T) {
	b, now := bell{hears: true}, time.Duration(1)
	ask := func(want time.Duration) {
		t.Helper()
		after, due := b.ask(now, 1, 1, 2)
		if !due || after != want*time.Millisecond {
			t.Fatalf("at %v the kernel is asked %v, for crowds of %v; want %v ms", now, due, after, int64(want))
		}
		b.rang(now, 1, 2)
	}
	for _, want := range []time.Duration{2, 4, 8, 8} {
		ask(want)
		now += aheadFor
		b.step(now)
		if b.ahead != 0 || b.due(now+crowdedRest-1, 1, 1, 2) {
			t.Fatalf("no rest: %+v", b)
		}
		now += crowdedRest
	}
	for _, want := range []time.Duration{8, 4, 2, 2} {
		ask(want)
		b.wanted(now, 2, 1)
	}
}

// TestBellNeverWishesForMoreThanThereIs, nor for longer than it may, whatever happens to it.
func TestBellNeverWishesForMoreThanThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, now, rang := bell{hears: true}, time.Duration(1), time.Duration(0)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "pause"))
			width := rapid.IntRange(1, 4).Draw(t, "width")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				b.rang(now, width, 4)
				rang = now
			case 1:
				b.wanted(now, width, rapid.IntRange(1, 4).Draw(t, "before"))
			}
			b.step(now)
			if b.ahead > 4 || b.ahead != 0 && now >= rang+aheadFor {
				t.Fatalf("at %v, rung at %v: %+v", now, rang, b)
			}
			if b.due(now, 4, 4, 4) {
				t.Fatal("the kernel is asked where there is nothing to be had")
			}
		}
	})
}
