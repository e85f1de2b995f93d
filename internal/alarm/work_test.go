package alarm

import (
	"testing"
	"time"
)

// TestWorkRings: not while the program sleeps, soon after it has worked, and once for each time that it is armed.
func TestWorkRings(t *testing.T) {
	w, err := NewWork()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	rung := func(within time.Duration) bool {
		select {
		case <-w.C():
			return true
		case <-time.After(within):
			return false
		}
	}
	work := func() {
		for end := ProcessorTime() + 4*enough; ProcessorTime() < end; {
		}
	}
	work()
	if rung(10 * time.Millisecond) {
		t.Error("it was not armed and rings")
	}
	for range 3 {
		w.Arm()
		w.Arm()
		if rung(50 * time.Millisecond) {
			t.Error("it rings for a program that sleeps")
		}
		work()
		if !rung(10 * time.Second) {
			t.Error("the program worked and it does not ring")
		}
	}
	if rung(10 * time.Millisecond) {
		t.Error("it rings once more than it was armed")
	}
}

// TestNoWork: nowhere but in a guest.
func TestNoWork(t *testing.T) {
	w := OnWork(false, nil)
	defer w.Close()
	w.Arm()
	if w != nil || w.C() != nil {
		t.Errorf("%v outside of a guest", w)
	}
}
