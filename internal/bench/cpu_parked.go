package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

const (
	parkedVCPUs   = 8 // of the guest with vCPUs to spare; one is granted
	parkedWindows = 3
	parkedWindow  = 10 * time.Second
	parkedSettle  = 10 * time.Second // until all but one have gone back
)

// measureParked compares what an idle guest with seven parked vCPUs costs the host with what one with none does,
// side by side. Each of the seven was at work before.
func measureParked(ctx context.Context, s cpuSubject, cfg Config) (_ []Result, err error) {
	var guests []*siloCPU
	defer func() {
		for _, g := range guests {
			err = errors.Join(err, g.Close())
		}
	}()
	for _, vcpus := range []int{1, parkedVCPUs} {
		g, err := startSiloCPU(ctx, s, vcpus)
		if err != nil {
			return nil, err
		}
		guests = append(guests, g)
	}
	if err := useAll(ctx, guests[1]); err != nil {
		return nil, err
	}
	var more, alone, with []float64
	for i := range parkedWindows {
		used, err := usedOver(ctx, guests, parkedWindow)
		if err != nil {
			return nil, err
		}
		alone, with, more = append(alone, used[0]), append(with, used[1]), append(more, used[1]-used[0])
		fmt.Fprintf(cfg.Out, "parked %d/%d   one vCPU: %.2f %% of a core   and %d parked: %.2f %%\n", i+1, parkedWindows, used[0], parkedVCPUs-1, used[1])
	}
	mean := sum(more) / float64(len(more))
	r, err := parkedCost.With(mean, more, fmt.Sprintf("host CPU of QEMU over %v, idle guests side by side: %s %% with one vCPU, %s %% with %d parked beside it, each of which was online and at work before",
		parkedWindows*parkedWindow, figure(sum(alone)/float64(len(alone))), figure(sum(with)/float64(len(with))), parkedVCPUs-1))
	return []Result{r}, err
}

// useAll has the guest work on all its vCPUs and waits until it has given all but one back.
func useAll(ctx context.Context, g *siloCPU) error {
	if err := g.Order(fmt.Sprintf("spread %d", parkedVCPUs)); err != nil {
		return err
	}
	if _, err := g.Event(ctx, "spread"); err != nil {
		return err
	}
	select {
	case <-time.After(parkedSettle):
	case <-ctx.Done():
		return ctx.Err()
	}
	if o := g.Observe(); o.GrantedMilli != 1000 || o.Usage.Online != parkedVCPUs {
		return fmt.Errorf("prepare the idle guest: %d thousandths granted and %d vCPUs online, want 1000 and %d", o.GrantedMilli, o.Usage.Online, parkedVCPUs)
	}
	return nil
}

// usedOver is the host CPU that each guest's QEMU used over a time, percent of a core.
func usedOver(ctx context.Context, guests []*siloCPU, d time.Duration) ([]float64, error) {
	read := func() (seconds []float64, err error) {
		for _, g := range guests {
			p, err := procfs.NewProc(g.PID())
			if err != nil {
				return nil, err
			}
			st, err := p.Stat()
			if err != nil {
				return nil, err
			}
			seconds = append(seconds, st.CPUTime())
		}
		return seconds, nil
	}
	before, err := read()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := read()
	if err != nil {
		return nil, err
	}
	elapsed := time.Since(begin).Seconds()
	for i := range after {
		after[i] = (after[i] - before[i]) / elapsed * 100
	}
	return after, nil
}
