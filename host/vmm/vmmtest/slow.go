package vmmtest

import (
	"context"
	"sync"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// Slow is a machine on a host that takes its time for each resize, as one that has to make room
// first. An order takes effect a fixed time after it was given, whether anybody still waits for it or not.
type Slow struct {
	vmm.Machine
	delay time.Duration

	mu      sync.Mutex
	pending []time.Time // when the orders under way are due, oldest first
}

// NewSlow makes a machine slow.
func NewSlow(m vmm.Machine, delay time.Duration) *Slow {
	return &Slow{Machine: m, delay: delay}
}

// Resize gives the order and waits for it.
func (s *Slow) Resize(ctx context.Context, total int64) (int64, error) {
	type result struct {
		now int64
		err error
	}
	s.mu.Lock()
	s.pending = append(s.pending, time.Now().Add(s.delay))
	s.mu.Unlock()
	done := make(chan result, 1)
	go func() {
		select {
		case <-s.Done():
			done <- result{0, vmm.ErrNotRunning}
			return
		case <-time.After(s.delay):
		}
		s.mu.Lock()
		s.pending = s.pending[1:]
		s.mu.Unlock()
		now, err := s.Machine.Resize(context.WithoutCancel(ctx), total)
		done <- result{now, err}
	}()
	select {
	case r := <-done:
		return r.now, r.err
	case <-ctx.Done():
		return s.Machine.Plugged(context.WithoutCancel(ctx))
	}
}

// Plugged keeps those waiting who ask while an order has not even begun: that nothing moves then
// is not the guest's doing, and must not be taken for it.
func (s *Slow) Plugged(ctx context.Context) (int64, error) {
	s.mu.Lock()
	wait := time.Duration(0)
	if len(s.pending) > 0 {
		wait = time.Until(s.pending[0])
	}
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-s.Done():
	case <-time.After(wait):
	}
	return s.Machine.Plugged(ctx)
}
