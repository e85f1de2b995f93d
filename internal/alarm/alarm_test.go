package alarm

import (
	"log/slog"
	"testing"
	"time"
)

// wait returns which of the two delivered, and when.
func wait(t *testing.T, a *Alarm, timer *time.Timer) (kernel bool, after time.Duration) {
	t.Helper()
	begin := time.Now()
	select {
	case <-a.C():
		kernel = true
	case <-timer.C:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
	}
	return kernel, time.Since(begin)
}

func TestAlarm(t *testing.T) {
	a := In(true, slog.New(slog.DiscardHandler))
	if a == nil {
		t.Fatal("the kernel has none")
	}
	defer a.Close()
	timer := time.NewTimer(time.Hour)
	for _, d := range []time.Duration{pause, 5 * time.Millisecond, pause + 3*time.Millisecond, 0, pause} {
		a.Arm(timer, d)
		if kernel, after := wait(t, a, timer); kernel != (d >= pause) || after < d-time.Millisecond {
			t.Errorf("waited for %v: the kernel's %v, after %v", d, kernel, after)
		}
	}
	// Each ends the other.
	a.Arm(timer, pause)
	a.Arm(timer, time.Millisecond)
	if kernel, _ := wait(t, a, timer); kernel {
		t.Error("the pause before was not ended")
	}
	a.Arm(timer, 10*time.Millisecond)
	a.Arm(timer, 2*pause)
	if kernel, after := wait(t, a, timer); !kernel || after < 2*pause-time.Millisecond {
		t.Errorf("the shorter wait before was not ended: %v, after %v", kernel, after)
	}
	select {
	case <-a.C():
		t.Error("a pause that was ended delivered")
	case <-time.After(2 * pause):
	}
}

func TestNone(t *testing.T) {
	a := In(false, nil)
	timer := time.NewTimer(time.Hour)
	a.Arm(timer, pause)
	if kernel, _ := wait(t, a, timer); kernel {
		t.Error("there is no other timer")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestClosed: what is closed leaves the waiting to Go's timer.
func TestClosed(t *testing.T) {
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	timer := time.NewTimer(time.Hour)
	a.Arm(timer, pause)
	if kernel, _ := wait(t, a, timer); kernel {
		t.Error("it delivers after its end")
	}
}

// TestArmNeedsNoMemory: it is armed in a program that waits for memory, by goroutines that need none else.
func TestArmNeedsNoMemory(t *testing.T) {
	a := In(true, slog.New(slog.DiscardHandler))
	if a == nil {
		t.Fatal("the kernel has none")
	}
	defer a.Close()
	timer := time.NewTimer(time.Hour)
	if n := testing.AllocsPerRun(100, func() { a.Arm(timer, time.Hour) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
