package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// piece is how long a goroutine works before it lets others: what a small request takes.
	piece = 100 * time.Microsecond

	crowd      = 32                   // goroutines of a burst
	lightEvery = 5 * time.Millisecond // between two pieces of the light load
)

// now is nanoseconds of CLOCK_MONOTONIC, which all processes of a guest share.
func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // there is no system without it
	}
	return ts.Nano()
}

// vcpu is the number of the one that this runs on.
func vcpu() int {
	var n uint32
	unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&n)), 0, 0)
	return int(n)
}

// work is one piece.
func work() {
	for end := time.Now().Add(piece); time.Now().Before(end); {
	}
}

// light keeps the program a little busy.
func light(ctx context.Context, d time.Duration) {
	tick := time.NewTicker(lightEvery)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		<-tick.C
		work()
	}
}

// burst makes a crowd of goroutines runnable at once and says when one of them first ran on a vCPU that the
// program did not have before.
func burst(ctx context.Context, before, d time.Duration) Event {
	light(ctx, before)
	e := Event{Kind: "burst", Began: now()}
	var ran, pieces atomic.Int64
	end := time.Now().Add(d)
	var g sync.WaitGroup
	for range crowd {
		g.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil {
				if ran.Load() == 0 && vcpu() != 0 {
					ran.CompareAndSwap(0, now())
				}
				work()
				pieces.Add(1)
				runtime.Gosched()
			}
		})
	}
	g.Wait()
	e.Ran, e.Done, e.Pieces = ran.Load(), now(), pieces.Load()
	return e
}

// spread works until so many vCPUs have been seen.
func spread(ctx context.Context, vcpus int) Event {
	e := Event{Kind: "spread", Began: now()}
	var seen sync.Map
	var count atomic.Int64
	var g sync.WaitGroup
	for range crowd * vcpus {
		g.Go(func() {
			for int(count.Load()) < vcpus && ctx.Err() == nil {
				if _, old := seen.LoadOrStore(vcpu(), true); !old {
					count.Add(1)
				}
				work()
				runtime.Gosched()
			}
		})
	}
	g.Wait()
	e.Ran, e.Done = now(), now()
	return e
}

// steady is a load that does not change: pieces that begin at even distances, share percent of two vCPUs in
// all. It counts how often GOMAXPROCS is another than before, looked at each millisecond.
func steady(ctx context.Context, share int, d time.Duration) Event {
	e := Event{Kind: "steady", Began: now()}
	var pieces atomic.Int64
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	every := piece * 50 / time.Duration(share)
	var g sync.WaitGroup
	g.Go(func() {
		for next := time.Now(); ctx.Err() == nil; {
			for ; time.Until(next) <= 0; next = next.Add(every) {
				g.Go(func() { work(); pieces.Add(1) })
			}
			time.Sleep(time.Until(next))
		}
	})
	g.Go(func() { e.Changes = countChanges(ctx) })
	g.Wait()
	e.Done, e.Pieces = now(), pieces.Load()
	return e
}

func countChanges(ctx context.Context) (n int) {
	last := runtime.GOMAXPROCS(0)
	for ctx.Err() == nil {
		time.Sleep(time.Millisecond)
		if p := runtime.GOMAXPROCS(0); p != last {
			n, last = n+1, p
		}
	}
	return n
}
