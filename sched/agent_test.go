package sched

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestAgentWidensUnderRealLoad(t *testing.T) {
	old := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(old)
	ctx, cancel := context.WithCancel(context.Background())
	stated := make(chan Statement, 100)
	a := New(Config{Max: 2}, nil, func(s Statement) { stated <- s })
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()

	stop := make(chan struct{})
	defer close(stop)
	for range 4 {
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	select {
	case s := <-stated:
		if s.MilliCPU != 2000 {
			t.Fatalf("demanded %d", s.MilliCPU)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("four busy goroutines on one vCPU brought no demand")
	}
	a.Grant(2000)
	if n := runtime.GOMAXPROCS(0); n != 2 {
		t.Errorf("granted 2, GOMAXPROCS is %d", n)
	}
	a.Grant(250)
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("granted a quarter, GOMAXPROCS is %d", n)
	}
}

func TestPinnedByTheUser(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	old := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(old)
	ctx, cancel := context.WithCancel(context.Background())
	stated := make(chan Statement, 1)
	a := New(Config{Max: 4}, nil, func(s Statement) { stated <- s })
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	if s := <-stated; s.MilliCPU != 2000 {
		t.Errorf("demanded %d for GOMAXPROCS=2", s.MilliCPU)
	}
	a.Grant(1000)
	if n := runtime.GOMAXPROCS(0); n != 2 {
		t.Errorf("GOMAXPROCS changed to %d although the user set it", n)
	}
	cancel()
	<-done
}

func TestEveryMetricExists(t *testing.T) {
	a := New(Config{}, nil, func(Statement) {})
	if s := a.reader.read(); s.Procs == 0 || s.Running == 0 {
		t.Errorf("a metric this package depends on is missing: %+v", s)
	}
}

// TestStealReachesTheGovernor: what the host measured is in each sample from then on.
func TestStealReachesTheGovernor(t *testing.T) {
	a := New(Config{Max: 2}, nil, func(Statement) {})
	a.Steal(120)
	if s := a.read(); s.Steal != 120 {
		t.Errorf("sample %+v", s)
	}
}

// TestExpectationsAddUp: each source has its own.
func TestExpectationsAddUp(t *testing.T) {
	a := New(Config{Max: 8}, nil, func(Statement) {})
	a.Expect("a", 3)
	a.Expect("b", 2)
	a.Expect("a", 4)
	if s := a.read().withExpected(); s.could() < 6 {
		t.Errorf("four and two expected: %+v", s)
	}
	a.Expect("a", 0)
	a.Expect("b", 0)
	if len(a.expects) != 0 {
		t.Errorf("left: %v", a.expects)
	}
}

// TestEachLookAsks: who waits for an answer is called before each look, and who looks along behind it, where it does not count as one
// who waits.
func TestEachLookAsks(t *testing.T) {
	var order []string
	a := New(Config{
		Each: func() { order = append(order, "each") }, After: func() { order = append(order, "after") },
		Trace: writer(func(b []byte) (int, error) { order = append(order, "sample"); return len(b), nil }),
	}, nil, func(Statement) {})
	a.step()
	a.step()
	if want := []string{"each", "sample", "after", "each", "sample", "after"}; !slices.Equal(order, want) {
		t.Errorf("called in the order %q in two looks, want %q", order, want)
	}
}

// writer is a function that is written to.
type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// TestLookNeedsNoMemory: while memory is late an agent that allocates waits for it too, on a processor that others need.
func TestLookNeedsNoMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	a := New(Config{Max: 1}, nil, func(Statement) {})
	a.Grant(1000)
	a.step() // the runtime makes room for its figures once
	if n := testing.AllocsPerRun(100, func() { a.step() }); n != 0 {
		t.Errorf("%v allocations in each look at the scheduler", n)
	}
}
