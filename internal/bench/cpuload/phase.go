package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	phaseBusy   = time.Second
	phaseRest   = 4 * time.Second
	phaseRounds = 100 // of computing in a piece: well below a millisecond
)

// phase alternates work and rest. The first cycle is not counted: in it the vCPUs are seen for the first time.
func phase(ctx context.Context, cycles int, wait time.Duration) Event {
	e := Event{Kind: "phase", Began: now()}
	var pieces atomic.Int64
	next := time.Now().Add(wait)
	for i := range cycles + 1 {
		time.Sleep(time.Until(next))
		crowdOf(ctx, next.Add(phaseBusy), &pieces)
		if i == 0 {
			pieces.Store(0)
		}
		next = next.Add(phaseBusy + phaseRest)
	}
	e.Done, e.Pieces, e.Procs = now(), pieces.Load(), runtime.GOMAXPROCS(0)
	return e
}

// crowdOf works in many goroutines until end.
func crowdOf(ctx context.Context, end time.Time, pieces *atomic.Int64) {
	var g sync.WaitGroup
	for c := range crowd {
		g.Go(func() {
			for seed := uint32(c); time.Now().Before(end) && ctx.Err() == nil; pieces.Add(1) {
				seed = unit(seed, phaseRounds)
				runtime.Gosched()
			}
		})
	}
	g.Wait()
}
