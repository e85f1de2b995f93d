package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
)

const (
	hostilePairs   = 5
	hostileRound   = 8 * time.Second
	hostileSettles = 2 * time.Second // after a start or an end, before a round
	hostileMost    = 4 * time.Minute
	hostileKeys    = 4000
	hostilePool    = 1 << 30
)

// The host divides two processors. The hostile guest may have them all, and is guaranteed next to nothing: what an operator
// gives a guest that he does not know.
var (
	victimCPU     = node.CPU{MinMilli: 500, MaxMilli: 2000}
	hostileCPU    = node.CPU{MinMilli: 50, MaxMilli: 2000}
	hostileWeight = uint32(5)
)

// besideHostile measures what three busy stores do in the same time with a hostile guest beside them, in turn with
// what they do without it.
func (s guestsSubject) besideHostile(ctx context.Context, cfg Config) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, hostileMost)
	defer cancel()
	n, err := node.New(node.Config{Capacity: broker.Capacity{Memory: hostilePool, MilliCPU: 2000}})
	if err != nil {
		return Result{}, err
	}
	defer n.Close()
	var stores []*kvGuest
	for i := range poolGuests {
		g, err := s.startKV(ctx, n, fmt.Sprint("kv-", i), victimCPU)
		if err == nil {
			err = g.store(ctx, 0, hostileKeys)
		}
		if err != nil {
			return Result{}, err
		}
		stores = append(stores, g)
	}
	var without, with []float64
	for i := range hostilePairs {
		a, err := busy(ctx, stores)
		if err != nil {
			return Result{}, err
		}
		b, held, err := s.withHostile(ctx, n, stores)
		if err != nil {
			return Result{}, err
		}
		without, with = append(without, a), append(with, b)
		fmt.Fprintf(cfg.Out, "pair %d: %.0f requests/s without, %.0f with the hostile guest: %.3f; it held %.0f MiB\n", i+1, a, b, b/a, mib(held))
	}
	for _, g := range stores {
		if err := g.verify(ctx, 0, hostileKeys); err != nil {
			return Result{}, err
		}
	}
	return hostileThroughput.Of(Ratios(with, without), fmt.Sprintf("%d stores at full load, %d pairs of %v; every record was as stored in the end", poolGuests, hostilePairs, hostileRound))
}

// withHostile is busy with a hostile guest that must live through it.
func (s guestsSubject) withHostile(ctx context.Context, n *node.Node, stores []*kvGuest) (rate float64, held int64, err error) {
	said := &kvGuest{}
	h, err := n.Start(ctx, node.GuestSpec{
		Name: "hostile", Kernel: s.kv.KernelPath(), Initramfs: s.hostile,
		Memory: node.Memory{Min: kvLeast, Max: kvMost}, CPU: hostileCPU, Weight: hostileWeight, Stdout: said, Console: said,
	})
	if err != nil {
		return 0, 0, err
	}
	said.Guest = h
	select {
	case <-h.Ready():
	case <-h.Done():
		return 0, 0, said.ended()
	case <-time.After(bootDeadline):
		return 0, 0, fmt.Errorf("the hostile guest was not ready within %v: %q", bootDeadline, said.last())
	}
	time.Sleep(hostileSettles)
	rate, err = busy(ctx, stores)
	held = h.Observe().Plugged
	select {
	case <-h.Done():
		err = errors.Join(err, said.ended())
	default:
	}
	h.Kill()
	<-h.Done()
	time.Sleep(hostileSettles)
	return rate, held, err
}

// busy has all stores work at full load for a round, and returns their requests a second together.
func busy(ctx context.Context, stores []*kvGuest) (float64, error) {
	var done atomic.Int64
	var clients errgroup.Group
	start := time.Now()
	for _, g := range stores {
		clients.Go(func() error {
			for key := 0; time.Since(start) < hostileRound; key = (key + kvPipeline) % hostileKeys {
				n, err := g.exchange(ctx, key)
				if err != nil {
					return err
				}
				done.Add(int64(n))
			}
			return nil
		})
	}
	err := clients.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), err
}

// exchange sets and reads back a batch of records over a connection of its own, and returns how many requests that was.
func (g *kvGuest) exchange(ctx context.Context, from int) (int, error) {
	to := min(from+4*kvPipeline, hostileKeys)
	if err := g.store(ctx, from, to); err != nil {
		return 0, err
	}
	return 2 * (to - from), g.verify(ctx, from, to)
}
