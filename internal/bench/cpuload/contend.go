package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	contendClients = 8 // each has one request under way
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

// serve answers one client until it hangs up.
func (s *shared) serve(c net.Conn) {
	defer c.Close()
	var b [4]byte
	for {
		if _, err := io.ReadFull(c, b[:]); err != nil {
			return
		}
		key := unit(binary.LittleEndian.Uint32(b[:]), outsideRounds)
		binary.LittleEndian.PutUint32(b[:], s.touch(key))
		if _, err := c.Write(b[:]); err != nil {
			return
		}
	}
}

// contend has clients ask a server, whose connections share one map under one lock. They speak over sockets: two goroutines
// that hand each other a channel's value keep their processor for up to 10 ms at a time, and the tail would show Go's
// scheduler and not the host's.
func contend(ctx context.Context, d time.Duration) (Event, error) {
	l, err := net.Listen("unix", "@contend")
	if err != nil {
		return Event{}, err
	}
	e := Event{Kind: "contend", Began: now()}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	store := &shared{data: make(map[uint32]uint32, contendKeys)}
	var servers, clients sync.WaitGroup
	servers.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			servers.Go(func() { store.serve(c) })
		}
	})
	var took [contendClients][]int64
	var errs [contendClients]error
	for i := range took {
		clients.Go(func() { took[i], errs[i] = ask(ctx, uint32(i)) })
	}
	clients.Wait()
	l.Close()
	servers.Wait()
	all := slices.Concat(took[:]...)
	slices.Sort(all)
	e.Done, e.Pieces, e.Procs = now(), int64(len(all)), runtime.GOMAXPROCS(0)
	if len(all) > 0 {
		e.P50, e.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	for _, err := range errs {
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

// ask is one client. It returns how long each answer took.
func ask(ctx context.Context, key uint32) (took []int64, err error) {
	c, err := net.Dial("unix", "@contend")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := binary.LittleEndian.AppendUint32(nil, key)
	for ctx.Err() == nil {
		begin := now()
		if _, err := c.Write(b); err != nil {
			return took, err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return took, err
		}
		took = append(took, now()-begin)
	}
	return took, nil
}
