package demo

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/silo-os/silo/host/node"
)

// session is what the phases share.
type session struct {
	rec     *recorder
	guest   *node.Guest
	store   redis
	records []Record
	found   Result // filled in as the run goes
}

// phase is one part of the run.
type phase struct {
	name string
	most time.Duration // how long it may take; more is a failure
	do   func(ctx context.Context, s *session) error
}

// phases are the run, in order.
func phases(records int) []phase {
	return []phase{
		{"boot", time.Minute, boot},
		{"load " + humanize.Comma(int64(records)) + " package records (redis-cli --pipe)", 10 * time.Minute, load},
		{"grow past 600 MiB of heap (redis-benchmark, SET and GET of 1 KiB)", 20 * time.Minute, grow},
		{"read every record back and compare (redis-cli)", 10 * time.Minute, compare},
		{"FLUSHALL, and wait for the memory", time.Minute, flush},
		{"idle: back to one vCPU", time.Minute, idle},
	}
}

// boot waits until the store serves, and answers.
func boot(ctx context.Context, s *session) error {
	select {
	case <-s.guest.Ready():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	port := s.guest.Forwards()[0].HostPort
	s.store = redis{"127.0.0.1", strconv.Itoa(port)}
	if err := s.store.say(ctx, "PONG", "PING"); err != nil {
		return fmt.Errorf("reach the store at %s: %w", net.JoinHostPort(s.store.host, s.store.port), err)
	}
	return nil
}

func load(ctx context.Context, s *session) (err error) {
	s.found.RecordsLoaded, err = s.store.load(ctx, s.records)
	return err
}

// Each round is short, so that the heap is looked at often; there are keys enough for the goal.
const (
	hammerRequests = 60_000
	hammerKeys     = 1_000_000
)

// grow lets the benchmark run in rounds until the guest's heap has passed the goal.
func grow(ctx context.Context, s *session) error {
	for s.guest.Observe().Usage.Live <= heapGoal {
		if err := s.store.hammer(ctx, hammerRequests, hammerKeys); err != nil {
			return err
		}
	}
	return nil
}

func compare(ctx context.Context, s *session) (err error) {
	s.found.RecordsEqual, s.found.FirstDifference, err = s.store.compare(ctx, s.records)
	return err
}

// flush drops everything and waits until the host has its memory back. That it takes too long is
// for the judge; here it only ends the waiting.
func flush(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, 4*returnWithin)
	defer cancel()
	if err := s.store.say(ctx, "OK", "FLUSHALL"); err != nil {
		return err
	}
	start := time.Now()
	o, err := s.rec.until(ctx, func(o node.Observation) bool { return o.Time.After(start) && o.Resident < residentGoal })
	s.found.AfterFlush, s.found.AfterFlushInTime = Secs(time.Since(start).Seconds()), err == nil
	if err == nil {
		s.found.AfterFlush = Secs(o.Time.Sub(start).Seconds())
	}
	return s.alive()
}

// idleFor is how long the guest is watched in the end, at least: what came back must stay back.
const idleFor = returnWithin

// idle waits for the second vCPU to go back.
func idle(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, 6*idleFor)
	defer cancel()
	start := time.Now()
	// Not in time: the judge will say so.
	_, _ = s.rec.until(ctx, func(o node.Observation) bool { return vcpus(o) == 1 && o.Time.Sub(start) >= idleFor })
	return s.alive()
}

// alive is an error once the guest has ended.
func (s *session) alive() error {
	select {
	case <-s.guest.Done():
		return ended(s.guest)
	default:
		return nil
	}
}

// ended says how a guest ended that should not have.
func ended(g *node.Guest) error {
	exit, err := g.Wait()
	if err != nil {
		return err
	}
	return fmt.Errorf("the guest ended in the middle of the run: %s, code %d: %s", exit.Cause, exit.Code, exit.Text)
}
