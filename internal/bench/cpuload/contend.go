package main

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	contendClients = 8 // each has one request under way
	contendServers = 4
	contendKeys    = 4096

	outsideRounds = 40 // of computing for a request without the lock
	insideRounds  = 10 // and with it: a fifth
)

// shared is what all requests go through.
type shared struct {
	mu   sync.Mutex
	data map[uint32]uint32
}

// touch reads and writes the map, and computes something while it holds the lock.
func (s *shared) touch(key uint32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[key%contendKeys] = unit(s.data[key%contendKeys]+key, insideRounds)
	return s.data[key%contendKeys]
}

type request struct {
	key    uint32
	answer chan uint32
}

// contend has clients ask servers, and servers share one map.
func contend(ctx context.Context, d time.Duration) Event {
	e := Event{Kind: "contend", Began: now()}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	store := &shared{data: make(map[uint32]uint32, contendKeys)}
	requests := make(chan request)
	var servers, clients sync.WaitGroup
	for range contendServers {
		servers.Go(func() {
			for r := range requests {
				r.answer <- store.touch(unit(r.key, outsideRounds))
			}
		})
	}
	var mu sync.Mutex
	var all []int64
	for c := range contendClients {
		clients.Go(func() {
			took := ask(ctx, requests, uint32(c))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	clients.Wait()
	close(requests)
	servers.Wait()
	slices.Sort(all)
	e.Done, e.Pieces, e.Procs = now(), int64(len(all)), runtime.GOMAXPROCS(0)
	if len(all) > 0 {
		e.P50, e.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return e
}

// ask is one client. It returns how long each answer took.
func ask(ctx context.Context, requests chan<- request, key uint32) (took []int64) {
	answer := make(chan uint32)
	for ctx.Err() == nil {
		begin := now()
		requests <- request{key, answer}
		key = <-answer
		took = append(took, now()-begin)
	}
	return took
}
