package alloc

import (
	"testing"
	"time"
)

// flightRun has a program allocate almost all that it may before the next collection, as a program does that then drops its data.
func flightRun() *watchRun {
	r := newWatchRun()
	r.s.GOGC, r.s.Live, r.s.Cycles = 100, 200*mib, 1
	r.run(time.Second, 0.01)
	r.s.Cycles++ // what a collection costs is known
	r.s.GCCPU += time.Second
	r.s.CPU += time.Second
	r.run(100*time.Millisecond, 1)
	r.s.Allocs += 180 * mib
	r.run(100*time.Millisecond, 1)
	return r
}

// TestSilentCollectionIsSeen: nothing is allocated, and yet a vCPU is busy.
func TestSilentCollectionIsSeen(t *testing.T) {
	r := flightRun()
	if r.w.flight.on {
		t.Fatal("a collection is seen while the program allocates")
	}
	r.run(200*time.Millisecond, 1)
	if !r.w.flight.on || !r.w.wide() {
		t.Fatalf("no collection is seen: %+v", r.w.flight)
	}
	r.s.Allocs += mib
	r.run(100*time.Millisecond, 1)
	if r.w.flight.on {
		t.Error("the program works again, but only the collection is seen")
	}
}

// TestAfterASilentCollectionAnotherFollowsAtOnce: the program was silent for long enough while it ran.
func TestAfterASilentCollectionAnotherFollowsAtOnce(t *testing.T) {
	r := flightRun()
	r.run(2*time.Second, 1)
	if r.asked != 0 {
		t.Fatal("asked for a collection while one ran")
	}
	r.s.Cycles++
	r.s.GCCPU += 2 * time.Second
	r.run(100*time.Millisecond, 1)
	if r.asked != 1 || r.w.flight.on {
		t.Errorf("%d collections asked for, %+v", r.asked, r.w.flight)
	}
	r.run(time.Minute, 0.01)
	if r.asked != 1 {
		t.Errorf("%d collections for one silence", r.asked)
	}
}

// TestStirAtTheEndOfACollection: a program that works again is not silent.
func TestStirAtTheEndOfACollection(t *testing.T) {
	r := flightRun()
	r.run(2*time.Second, 1)
	r.s.Cycles++
	r.s.GCCPU += 2 * time.Second
	r.s.Allocs += mib
	r.run(100*time.Millisecond, 1)
	if r.asked != 0 {
		t.Error("asked for a collection in the middle of work")
	}
}

// TestComputingIsNoCollection: a program that allocates nothing is not taken for a collector for ever, and one that has not
// allocated much not at all.
func TestComputingIsNoCollection(t *testing.T) {
	r := flightRun()
	r.run(5*time.Second, 1)
	if r.w.flight.on {
		t.Error("a collection that takes five times what one takes")
	}
	r.s.Cycles++
	r.s.Live = 300 * mib
	r.run(5*time.Second, 1)
	if r.w.flight.on {
		t.Error("a collection that nothing was allocated for")
	}
}
