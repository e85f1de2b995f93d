package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// hostileDeeds are what the hostile guest does, all at once where none is named.
var hostileDeeds = []string{"flood", "garbage", "lies", "forks"}

// besideHostile measures what three busy stores do in the same time with a hostile guest beside them, each round between two
// without it: a machine that others share drifts.
func (s guestsSubject) besideHostile(ctx context.Context, cfg Config, bar Bar, deeds ...string) ([]Result, error) {
	pairs, err := rounds(hostilePairs)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, hostileMost)
	defer cancel()
	n, err := node.New(node.Config{Capacity: broker.Capacity{Memory: hostilePool, MilliCPU: 2000}})
	if err != nil {
		return nil, err
	}
	defer n.Close()
	stores, err := s.hostileVictims(ctx, n)
	if err != nil {
		return nil, err
	}
	before, err := busy(ctx, stores)
	if err != nil {
		return nil, err
	}
	var ratios []float64
	for i := range pairs {
		with, held, err := s.withHostile(ctx, n, stores, deeds)
		if err != nil {
			return nil, err
		}
		after, err := busy(ctx, stores)
		if err != nil {
			return nil, err
		}
		ratios = append(ratios, 2*with.rate/(before.rate+after.rate))
		fmt.Fprintf(cfg.Out, "round %d: %.3f of without; the hostile guest held %.0f MiB\n  before %v\n  beside %v\n  after  %v\n", i+1, ratios[i], mib(held), before, with, after)
		before = after
	}
	for _, g := range stores {
		if err := g.verify(ctx, 0, hostileKeys); err != nil {
			return nil, err
		}
	}
	r, err := bar.Of(ratios, fmt.Sprintf("%d stores at full load, %d rounds of %v, each between two without; every record was as stored in the end", poolGuests, pairs, hostileRound))
	return []Result{r}, err
}

// hostileVictims are the stores, filled.
func (s guestsSubject) hostileVictims(ctx context.Context, n *node.Node) (stores []*kvGuest, err error) {
	for i := range poolGuests {
		g, err := s.startKV(ctx, n, fmt.Sprint("kv-", i), victimCPU)
		if err == nil {
			err = g.store(ctx, 0, hostileKeys)
		}
		if err != nil {
			return nil, err
		}
		stores = append(stores, g)
	}
	return stores, nil
}

// withHostile is busy with a hostile guest that must live through it.
func (s guestsSubject) withHostile(ctx context.Context, n *node.Node, stores []*kvGuest, deeds []string) (r round, held int64, err error) {
	said := &kvGuest{}
	h, err := n.Start(ctx, node.GuestSpec{
		Name: "hostile", Kernel: s.kv.KernelPath(), Initramfs: s.hostile, Args: deeds,
		Memory: node.Memory{Min: kvLeast, Max: kvMost}, CPU: hostileCPU, Weight: hostileWeight, Stdout: said, Console: said,
	})
	if err != nil {
		return r, 0, err
	}
	said.Guest = h
	select {
	case <-h.Ready():
	case <-h.Done():
		return r, 0, said.ended()
	case <-time.After(bootDeadline):
		return r, 0, fmt.Errorf("the hostile guest was not ready within %v: %q", bootDeadline, said.last())
	}
	time.Sleep(hostileSettles)
	r, err = busy(ctx, stores, said)
	held = h.Observe().Plugged
	select {
	case <-h.Done():
		err = errors.Join(err, said.ended())
	default:
	}
	h.Kill()
	<-h.Done()
	time.Sleep(hostileSettles)
	return r, held, err
}

// busy has all stores work at full load for a round. What guests beside them cost is noted too.
func busy(ctx context.Context, stores []*kvGuest, beside ...*kvGuest) (r round, err error) {
	cost, err := costs(append(slices.Clone(stores), beside...))
	if err != nil {
		return r, err
	}
	r.take(stores, -1)
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
	err = clients.Wait()
	took := time.Since(start)
	r.rate = float64(done.Load()) / took.Seconds()
	r.take(stores, 1)
	if err == nil {
		r.costs, err = cost(took)
	}
	return r, err
}

// exchange sets and reads back a batch of records over a connection of its own, and returns how many requests that was.
func (g *kvGuest) exchange(ctx context.Context, from int) (int, error) {
	to := min(from+4*kvPipeline, hostileKeys)
	if err := g.store(ctx, from, to); err != nil {
		return 0, err
	}
	return 2 * (to - from), g.verify(ctx, from, to)
}
