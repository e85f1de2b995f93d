package vmmtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// Slow is a machine on a host that has to make room first for what it gives. An order for more takes effect a fixed
// time after it was given, whether anybody still waits for it or not. One for less needs no room: it takes effect at once,
// and what is under way no longer goes beyond it.
type Slow struct {
	vmm.Machine
	delay time.Duration

	mu      sync.Mutex
	asked   int64    // size that the machine was told last; 0 = none yet
	pending []*order // under way, oldest first
}

// order is one for more.
type order struct {
	total int64     // bytes; guarded by Slow.mu
	due   time.Time // when it takes effect
}

// NewSlow makes a machine slow.
func NewSlow(m vmm.Machine, delay time.Duration) *Slow {
	return &Slow{Machine: m, delay: delay}
}

// Resize gives the order and waits for it.
func (s *Slow) Resize(ctx context.Context, total int64) (int64, error) {
	s.mu.Lock()
	for _, o := range s.pending {
		o.total = min(o.total, total)
	}
	if total <= s.asked {
		s.asked = total
		s.mu.Unlock()
		return s.Machine.Resize(ctx, total)
	}
	o := &order{total, time.Now().Add(s.delay)}
	s.pending = append(s.pending, o)
	s.mu.Unlock()
	return s.await(ctx, o)
}

// await waits for an order to take effect, or looks once where ctx ends first.
func (s *Slow) await(ctx context.Context, o *order) (int64, error) {
	type result struct {
		now int64
		err error
	}
	done := make(chan result, 1)
	go func() {
		select {
		case <-s.Done():
			done <- result{0, vmm.ErrNotRunning}
		case <-time.After(time.Until(o.due)):
			now, err := s.Machine.Resize(context.WithoutCancel(ctx), s.begin(o))
			done <- result{now, err}
		}
	}()
	select {
	case r := <-done:
		return r.now, r.err
	case <-ctx.Done():
		return s.Machine.Plugged(context.WithoutCancel(ctx))
	}
}

// begin returns the size for a machine whose order is due.
func (s *Slow) begin(o *order) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = slices.DeleteFunc(s.pending, func(p *order) bool { return p == o })
	s.asked = o.total
	return o.total
}

// Plugged keeps those waiting who ask while an order has not even begun: that nothing moves then
// is not the guest's doing, and must not be taken for it.
func (s *Slow) Plugged(ctx context.Context) (int64, error) {
	s.mu.Lock()
	wait := time.Duration(0)
	if len(s.pending) > 0 {
		wait = time.Until(s.pending[0].due)
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
