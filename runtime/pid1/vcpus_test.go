package pid1

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func expect(t *testing.T, v *vcpus, now time.Duration, action vcpuAction, to int) {
	t.Helper()
	if a, n := v.next(now); a != action || n != to {
		t.Fatalf("at %v: action %d to %d, want %d to %d", now, a, n, action, to)
	}
}

func TestVCPUGrowAndShrinkInOrder(t *testing.T) {
	v := &vcpus{granted: 1000, wanted: 1000, width: 1, running: 1, speaks: true, most: 4}
	expect(t, v, 1, vcpuNothing, 1)
	v.wanted = 2000
	expect(t, v, 2, vcpuNothing, 1) // wanted, not granted
	v.granted = 2000
	expect(t, v, 3, vcpuStart, 2)
	expect(t, v, 4, vcpuNothing, 2) // on its way
	v.started(2)
	expect(t, v, 5, vcpuWiden, 2)
	expect(t, v, 6, vcpuNothing, 2)

	// The host takes one back: ask first, narrow when obeyed.
	v.granted = 1000
	expect(t, v, 7, vcpuAsk, 1)
	expect(t, v, 8, vcpuNothing, 1)
	if v.settled() {
		t.Fatal("settled while it holds more than granted")
	}
	if !v.acknowledged() || v.width != 1 || !v.settled() {
		t.Fatalf("not narrowed by the answer: %+v", v)
	}

	// A second grant needs no start.
	v.granted = 2000
	expect(t, v, 9, vcpuWiden, 2)
	// The application itself wants less: it has done its part already.
	v.wanted = 1000
	expect(t, v, 10, vcpuNarrow, 1)
}

func TestVCPUDoesNotWaitForEver(t *testing.T) {
	v := &vcpus{granted: 1000, wanted: 2000, width: 2, running: 2, speaks: true, most: 4}
	expect(t, v, 1, vcpuAsk, 1)
	expect(t, v, ackWithin, vcpuNothing, 1)
	expect(t, v, ackWithin+2, vcpuNarrow, 1)
}

// TestVCPUGivesUpTheLastAtOnce: an application that has all vCPUs there are has no processor of its scheduler more, and its
// GOMAXPROCS is right for one less.
func TestVCPUGivesUpTheLastAtOnce(t *testing.T) {
	v := &vcpus{granted: 3000, wanted: 4000, width: 4, running: 4, speaks: true, most: 4}
	expect(t, v, 1, vcpuNarrow, 3)
	v.granted = 2000
	expect(t, v, 2, vcpuAsk, 2)
}

// TestVCPUAskedForAhead: one that the application has not asked for yet is taken where the host gives it, and back again.
func TestVCPUAskedForAhead(t *testing.T) {
	v := &vcpus{granted: 1000, wanted: 1000, width: 1, running: 2, speaks: true, most: 2, ahead: 2}
	if v.demanded() != 2000 {
		t.Fatalf("the host is asked for %d thousandths", v.demanded())
	}
	expect(t, v, 1, vcpuNothing, 1)
	v.granted = 2000
	expect(t, v, 2, vcpuWiden, 2)
	v.ahead = 0
	expect(t, v, 3, vcpuNarrow, 1)
}

func TestVCPUHoldsWhileStarting(t *testing.T) {
	v := &vcpus{granted: 1000, wanted: 1000, width: 2, running: 2, hold: 100}
	expect(t, v, 50, vcpuNothing, 1)
	expect(t, v, 100, vcpuNarrow, 1)
}

// TestVCPUSettles: after any history, crashes on either side included, if nothing changes any more, the width becomes the
// target. It never passes what is online, and an application that speaks and still wants its vCPU is asked first, and has
// its time.
func TestVCPUSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := &vcpus{granted: 1000, wanted: 1000, width: 1, running: 1, most: 9, speaks: rapid.Bool().Draw(t, "speaks")}
		milli := rapid.Uint32Range(1, 8000)
		now := time.Duration(1)
		asked := time.Duration(0)
		step := func() {
			now += 10 * time.Millisecond
			before := *v
			switch a, n := v.next(now); {
			case a == vcpuStart && rapid.Bool().Draw(t, "fails"):
				v.notStarted()
			case a == vcpuStart:
				v.started(n)
			case a == vcpuAsk:
				asked = now
			case a == vcpuNarrow && before.speaks && wholeCPUs(before.wanted) > n && now-asked < ackWithin:
				t.Fatalf("narrowed to %d at %v, asked at %v", n, now, asked)
			}
			if v.width > v.running || v.width < 1 {
				t.Fatalf("width %d of %d online", v.width, v.running)
			}
		}
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "event") {
			case 0:
				v.granted = milli.Draw(t, "granted") // or stated anew by a host that was away
			case 1:
				v.wanted = milli.Draw(t, "wanted")
			case 2:
				v.acknowledged()
			case 3:
				v.speaks = false // it hung up
			case 4:
				v.speaks = true
			}
			step()
		}
		for range 100 {
			step()
		}
		if v.width != v.target() {
			t.Fatalf("width %d, target %d", v.width, v.target())
		}
	})
}

// TestVCPUNotStarted: those that run are all there is until the next grant.
func TestVCPUNotStarted(t *testing.T) {
	v := &vcpus{granted: 4000, wanted: 4000, width: 2, running: 2, speaks: true}
	expect(t, v, 1, vcpuStart, 4)
	v.notStarted()
	expect(t, v, 2, vcpuNothing, 2)
	v.granted = 3000
	expect(t, v, 3, vcpuStart, 3)
}
