package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/silo-os/silo/host/node"
)

// Two guests want two vCPUs each, on two processors.
var (
	contendedThroughput = Bar{"cpu.contended_throughput", 1, Higher, "of both fixed"}
	contendedP99        = Bar{"cpu.contended_p99", 0.7, Lower, "of both fixed"}
)

const (
	contendedRounds = 5
	contendedWarm   = 2 * time.Second // until the guests have what they will have
	contendedTime   = 5 * time.Second
)

// contendedArm is one way to give two guests what two processors have.
type contendedArm struct {
	name     string
	capacity int64 // that the host gives away, thousandths
	cpu      node.CPU
}

var contendedArms = [2]contendedArm{
	{"brokered", sharedCPUs * 1000, node.CPU{MinMilli: 1000, MaxMilli: 2000}},
	{"both fixed at 2", 2 * sharedCPUs * 1000, node.CPU{MinMilli: 2000, MaxMilli: 2000}},
}

// contendedRun is what two guests did side by side.
type contendedRun struct {
	requests float64 // a second, both
	p50, p99 float64 // milliseconds, of the guest that fared worse
	counts   vcpuCounts
	steal    [2]uint32 // thousandths, at the end
	procs    [2]int
}

// String is a line of progress.
func (r contendedRun) String() string {
	return fmt.Sprintf("%.0f requests/s, p50 %.2f ms, p99 %.2f ms, GOMAXPROCS %v, steal %v, %v", r.requests, r.p50, r.p99, r.procs, r.steal, r.counts)
}

// measureContended compares two guests that share two processors by the broker with two that have both each.
func measureContended(ctx context.Context, s cpuSubject, cfg Config) ([]Result, error) {
	var runs [2][]contendedRun
	for i := range contendedRounds {
		for a, arm := range contendedArms {
			r, err := arm.run(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", arm.name, i+1, err)
			}
			runs[a] = append(runs[a], r)
			fmt.Fprintf(cfg.Out, "contended %d/%d   %s: %v\n", i+1, contendedRounds, arm.name, r)
		}
	}
	return judgeContended(runs)
}

// run starts both guests, has them work and ends them.
func (a contendedArm) run(ctx context.Context, s cpuSubject) (r contendedRun, err error) {
	h, err := startShared(ctx, s, a.capacity, 2, a.cpu)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	work := func(d time.Duration) ([]cpuEvent, vcpuCounts, error) {
		return h.all(ctx, "contend", func(int) string { return fmt.Sprintf("contend %d 0", d.Milliseconds()) })
	}
	if _, _, err := work(contendedWarm); err != nil {
		return r, err
	}
	events, counts, err := work(contendedTime)
	if err != nil {
		return r, err
	}
	r.counts = counts
	for i, e := range events {
		if e.Pieces == 0 {
			return r, errors.New("a guest answered no request")
		}
		r.requests += float64(e.Pieces) / time.Duration(e.Done-e.Began).Seconds()
		r.p50, r.p99 = max(r.p50, millis(time.Duration(e.P50))), max(r.p99, millis(time.Duration(e.P99)))
		r.procs[i], r.steal[i] = e.Procs, h.guests[i].Observe().Steal
	}
	return r, nil
}

// judgeContended compares the arms round by round.
func judgeContended(runs [2][]contendedRun) ([]Result, error) {
	of := func(a int, f func(contendedRun) float64) (all []float64) {
		for _, r := range runs[a] {
			all = append(all, f(r))
		}
		return all
	}
	median := func(a int, f func(contendedRun) float64) float64 { return Quantile(of(a, f), 0.5) }
	requests := func(r contendedRun) float64 { return r.requests }
	p99 := func(r contendedRun) float64 { return r.p99 }
	note := "requests over sockets that share a map under one lock, both guests together; medians"
	for a, arm := range contendedArms {
		note += fmt.Sprintf("; %s: %.0f requests/s, vCPUs waited %.1f s of %v for a processor and were preempted %.0f times", arm.name, median(a, requests),
			median(a, func(r contendedRun) float64 { return r.counts.waited.Seconds() }), contendedTime,
			median(a, func(r contendedRun) float64 { return float64(r.counts.preempted) }))
	}
	throughput, err := contendedThroughput.Of(Ratios(of(0, requests), of(1, requests)), note)
	if err != nil {
		return nil, err
	}
	late, err := contendedP99.Of(Ratios(of(0, p99), of(1, p99)), fmt.Sprintf(
		"of requests, in the guest that fared worse; brokered %.2f ms, both fixed %.2f ms, medians", median(0, p99), median(1, p99)))
	return []Result{throughput, late}, err
}
