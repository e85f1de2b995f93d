package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/internal/bench/heapload/load"
)

// startCell boots the guest of a cell.
func (s heapSubject) startCell(ctx context.Context, c cellPlan, said *words) (heapGuest, error) {
	args := c.Args()
	switch c.mechanism {
	case bySilo:
		return startNode(ctx, s.silo, node.Memory{Min: heapLeast, Max: heapMost}, c.delay, args, said)
	case byStatic:
		return startNode(ctx, s.plain, node.Memory{Min: heapMost, Max: heapMost}, c.delay, args, said)
	case byPoller:
		return startOutside(ctx, s.plain, args, said)
	case byBalloon:
		return startBalloon(ctx, s.plain, args, said)
	}
	return s.startHotplug(ctx, args, said)
}

// measure runs one cell. A guest that does not survive is a result; one that cannot be measured is an
// error.
func (s heapSubject) measure(ctx context.Context, c cellPlan, out io.Writer) (cell Cell, err error) {
	start := time.Now()
	said := newWords(start)
	g, err := s.startCell(ctx, c, said)
	if err != nil {
		return cell, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	o := observed{gate: c.mechanism != byHotplug}
	watch, stop := context.WithCancel(ctx)
	defer stop()
	var watchers errgroup.Group
	watchers.Go(func() (err error) { o.memory, err = record(watch, start, g.Resident, g.Done()); return err })
	watchers.Go(func() (err error) { o.pid1Gap, err = callPID1(watch, g, said); return err })
	if sized, ok := g.(sized); ok {
		watchers.Go(func() error { return poll(watch, sized, said) })
	}
	o.outcome, o.why, err = follow(ctx, g, c, said)
	o.end, o.said, o.heard = time.Since(start), g.Said(), said.all()
	stop()
	if err := errors.Join(err, watchers.Wait()); err != nil {
		return cell, fmt.Errorf("%w\nlast lines of the guest:\n  %s", err, strings.Join(g.Last(), "\n  "))
	}
	if o.outcome.lost() {
		fmt.Fprintf(out, "%s: %s: %s; last lines of the guest:\n  %s\n", c.name(), o.outcome, o.why, strings.Join(g.Last(), "\n  "))
	}
	return o.cell(c), nil
}

// follow waits until the load is through, the guest has ended or the time is over.
func follow(ctx context.Context, g heapGuest, c cellPlan, said *words) (Outcome, string, error) {
	late := time.NewTimer(c.deadline())
	defer late.Stop()
	for next := 0; ; {
		heard, more := said.since(next)
		next += len(heard)
		if done, ok := first(heard, load.Done); ok {
			return OutcomeDone, done.Refused, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", "", ctx.Err()
		case <-g.Done():
			why, yes := g.Starved()
			if !yes {
				return OutcomeDied, why, nil
			}
			return OutcomeKilled, why, nil
		case <-late.C:
			if len(said.all()) == 0 {
				return "", "", fmt.Errorf("the load never started within %v", c.deadline())
			}
			if c.cut != 0 {
				return OutcomeCut, fmt.Sprintf("watched for %v", c.cut), nil
			}
			return OutcomeStuck, fmt.Sprintf("not through after %v", c.deadline()), nil
		}
	}
}

// callEvery is how often PID 1 is called.
const callEvery = 50 * time.Millisecond

// callPID1 calls until ctx ends, from the load's first word on, and returns the longest time between
// two answers.
func callPID1(ctx context.Context, g heapGuest, said *words) (gap time.Duration, err error) {
	if !await(ctx, g, said, load.Start) {
		return 0, nil
	}
	tick := time.NewTicker(callEvery)
	defer tick.Stop()
	for last := time.Now(); ; {
		_, err := g.RoundTrip(ctx)
		if errors.Is(err, errNoPID1) {
			return 0, nil
		}
		gap = max(gap, time.Since(last))
		if err != nil { // the end of the guest, or of the measurement
			return gap, nil
		}
		last = time.Now()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return gap, nil
		}
	}
}

// await waits for the first word of a kind; false means that it will not come.
func await(ctx context.Context, g heapGuest, said *words, kind load.Kind) bool {
	for next := 0; ; {
		heard, more := said.since(next)
		next += len(heard)
		if _, ok := first(heard, kind); ok {
			return true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return false
		case <-g.Done():
			return false
		}
	}
}
