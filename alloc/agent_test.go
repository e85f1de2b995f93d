package alloc

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestAgentFollowsARealHeap runs the governor in this process: a real heap grows, is demanded for,
// is dropped, and is demanded for no more.
func TestAgentFollowsARealHeap(t *testing.T) {
	old := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(old)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	demands := make(chan Statement, 1000)
	var a *Agent
	a = New(Config{Silence: 50 * time.Millisecond, Settle: 100 * time.Millisecond}, nil, func(s Statement) {
		a.Grant(hvcall.Grant{Memory: s.Memory}, true) // a host that grants at once
		demands <- s
	})
	a.Grant(hvcall.Grant{Memory: 64 << 20}, true)
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()

	var keep [][]byte
	for range 150 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		keep = append(keep, b)
	}
	await(t, demands, "growth", func(s Statement) bool { return s.Memory > 150<<20 })
	runtime.KeepAlive(keep)
	keep = nil
	// Work without allocation, so that nothing but the watch can notice.
	spin(100 * time.Millisecond)
	await(t, demands, "the return", func(s Statement) bool { return s.Memory < 64<<20 })
	cancel()
	<-done
}

func await(t *testing.T, ch <-chan Statement, what string, ok func(Statement) bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	var last Statement
	for {
		select {
		case last = <-ch:
			if ok(last) {
				return
			}
		case <-deadline:
			t.Fatalf("no demand for %s; the last was %+v", what, last)
		}
	}
}

var sink int

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i := range 1000 {
			sink += i
		}
	}
}

// TestLookNeedsNoMemory: the agent must not be a cause of collections, nor wait for memory itself while it is late, on a
// processor that others need.
func TestLookNeedsNoMemory(t *testing.T) {
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(percent) }()
	a := New(Config{}, nil, func(Statement) {})
	a.step() // which states the first demand
	if n := testing.AllocsPerRun(100, func() { a.step() }); n != 0 {
		t.Errorf("%v allocations in each look at the heap", n)
	}
}

func TestEveryMetricExists(t *testing.T) {
	runtime.GC()
	s := newMeter().read()
	if s.Cycles == 0 || s.Objects == 0 || s.Total == 0 || s.Allocs == 0 || s.GOGC == 0 || s.Live == 0 {
		t.Errorf("a metric this package depends on is missing: %+v", s)
	}
}

func TestHookFiresForEachCollection(t *testing.T) {
	fired := make(chan struct{}, 100)
	h := hookCycles(func() { fired <- struct{}{} })
	defer h.stop()
	for i := range 3 {
		runtime.GC()
		select {
		case <-fired:
		case <-time.After(10 * time.Second):
			t.Fatalf("collection %d was not noticed", i+1)
		}
	}
}

func BenchmarkCycle(b *testing.B) {
	m, g := newMeter(), NewGovernor(Config{})
	b.ReportAllocs()
	for i := range b.N {
		g.Step(time.Duration(i)*time.Millisecond, m.read())
	}
}
