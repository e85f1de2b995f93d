package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/silo-os/silo/internal/bench/heapload/load"
)

// agentMute is how long the load program's own agent must have been silent for PID 1's figures to stand in.
const agentMute = 3 * pollEvery

// poll is the outside poller at work until ctx or the guest ends.
func poll(ctx context.Context, g sized, said *words) error {
	if !await(ctx, g, said, load.Start) {
		return nil
	}
	failed := func(err error) error {
		select {
		case <-ctx.Done():
			return nil
		case <-g.Done():
			return nil
		case <-time.After(time.Second): // its end may be told a moment later
			return err
		}
	}
	if g.Size() != pollLeast {
		if err := g.SetSize(ctx, pollLeast); err != nil {
			return failed(err)
		}
		if _, busy := first(said.all(), load.Busy); busy || g.Size() != pollLeast {
			return failed(fmt.Errorf("start with %d MiB: the guest was not that small when its load began: %d MiB", pollLeast>>20, g.Size()>>20))
		}
	}
	p := poller{least: pollLeast, most: heapMost}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	start := time.Now()
	spoke := start
	for next := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-g.Done():
			return nil
		case <-tick.C:
		}
		heard, _ := said.since(next)
		next += len(heard)
		for _, h := range heard {
			if h.Kind == load.Usage {
				p.sample(h.Used, h.Total)
				spoke = time.Now()
			}
		}
		// The agent of a real poller is a process of its own and is not held up with the application.
		if time.Since(spoke) > agentMute {
			if used, total, ok := g.Agent(spoke); ok {
				p.sample(used, total)
			}
		}
		to, ask := p.decide(time.Since(start), g.Size())
		if !ask {
			continue
		}
		if err := g.SetSize(ctx, to); err != nil {
			return failed(err)
		}
	}
}
