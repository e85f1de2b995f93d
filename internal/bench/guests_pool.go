package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
)

const (
	poolGuests  = 3
	poolPart    = 0.6   // the pool, of the sum of the peaks
	poolRecords = 30000 // at the peak of a store: 120 MB of values; with less, what a guest needs to run at all would be most of it
	poolBase    = 3000  // that it always has
	poolRounds  = 2     // times that each store has its peak
	poolMost    = 4 * time.Minute
)

// poolCPU is what each store may have: all three together fit two processors.
var poolCPU = node.CPU{MinMilli: 500, MaxMilli: 2000}

// pool measures three stores in a pool that is too small for all peaks at once. What the peaks are is measured
// first, with room for all.
func (s guestsSubject) pool(ctx context.Context, cfg Config) ([]Result, error) {
	ctx, cancel := context.WithTimeout(ctx, poolMost)
	defer cancel()
	alone, err := s.run(ctx, broker.Capacity{}, 1, 1)
	if err != nil {
		return nil, fmt.Errorf("measure a peak: %w", err)
	}
	pool := int64(poolPart*poolGuests*float64(alone.peak)) >> 22 << 22
	fmt.Fprintf(cfg.Out, "a store alone: peak %.0f MiB on the host, in %.1f s; pool for %d: %.0f MiB\n", mib(alone.peak), alone.took.Seconds(), poolGuests, mib(pool))
	all, err := s.run(ctx, broker.Capacity{Memory: pool}, poolGuests, poolRounds)
	if err != nil {
		return nil, fmt.Errorf("%d stores in a pool of %.0f MiB: %w", poolGuests, mib(pool), err)
	}
	fmt.Fprintf(cfg.Out, "%d stores, %d peaks each in turn: together at most %.0f MiB on the host, in %.1f s; %d stalls of %.1f s in all, %d killed\n",
		poolGuests, poolRounds, mib(all.peak), all.took.Seconds(), all.stalls, all.stalled.Seconds(), all.kills)
	var c collected
	c.add(poolPeak.Of([]float64{float64(all.peak) / float64(pool)}, fmt.Sprintf("guest memory on the host, of a pool of %.0f MiB: %.0f %% of what %d peaks of %.0f MiB are", mib(pool), 100*poolPart, poolGuests, mib(alone.peak))))
	c.add(poolKills.Of([]float64{float64(all.kills)}, fmt.Sprintf("all stores finished, %d records read back and compared", all.records)))
	return c.results, c.err
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// poolRun is what was seen of stores on one host.
type poolRun struct {
	peak    int64 // bytes of guest memory on the host, all guests together
	took    time.Duration
	kills   uint64
	stalls  uint64
	stalled time.Duration
	records int
}

// run has so many stores go through their peaks, one after the other, and compares every record. A store that ends is
// an error: it lost its records.
func (s guestsSubject) run(ctx context.Context, capacity broker.Capacity, guests, rounds int) (r poolRun, err error) {
	n, err := node.New(node.Config{Capacity: capacity})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	var stores []*kvGuest
	for i := range guests {
		g, err := s.startKV(ctx, n, fmt.Sprint("kv-", i), poolCPU)
		if err != nil {
			return r, err
		}
		stores = append(stores, g)
	}
	start := time.Now()
	watch := watchHeld(stores)
	err = peaks(ctx, stores, rounds, &r)
	r.took, r.peak = time.Since(start), watch()
	for _, g := range stores {
		u := g.Observe().Usage
		r.kills, r.stalls, r.stalled = r.kills+u.Kills, r.stalls+u.Stalls, r.stalled+time.Duration(u.StallNanos)
	}
	return r, err
}

// peaks has the stores fill up in turn, each while the one before empties.
func peaks(ctx context.Context, stores []*kvGuest, rounds int, r *poolRun) error {
	for _, g := range stores {
		if err := g.store(ctx, 0, poolBase); err != nil {
			return err
		}
	}
	var emptying errgroup.Group
	for range rounds {
		for _, g := range stores {
			if err := g.store(ctx, poolBase, poolRecords); err != nil {
				return err
			}
			if err := g.verify(ctx, 0, poolRecords); err != nil {
				return err
			}
			r.records += poolRecords
			emptying.Go(func() error { return g.forget(ctx, poolBase, poolRecords) })
		}
	}
	if err := emptying.Wait(); err != nil {
		return err
	}
	for _, g := range stores {
		if err := g.verify(ctx, 0, poolBase); err != nil {
			return err
		}
		r.records += poolBase
	}
	return nil
}

// watchHeld looks at how much the host holds for all stores together until the function it returns is called, which
// returns the most.
func watchHeld(stores []*kvGuest) func() int64 {
	var most int64
	var watching sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	watching.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			var sum int64
			for _, g := range stores {
				sum += max(0, g.Observe().Resident)
			}
			most = max(most, sum)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() int64 {
		stop()
		watching.Wait()
		return most
	}
}
