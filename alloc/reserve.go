package alloc

import (
	"context"
	"sync"

	"github.com/silo-os/silo/hvcall"
)

// Reservation is memory admitted for the application: it may allocate so much more, on the heap or
// outside it, without a thread ever waiting at the gate for it.
type Reservation struct {
	agent *Agent
	bytes int64
	once  sync.Once
}

// Bytes is how much was reserved.
func (r *Reservation) Bytes() int64 { return r.bytes }

// Release gives the reservation up: call it when the memory has been allocated, since from then on the
// heap's own figures speak for it, or when it is not needed any more. A second call does nothing.
func (r *Reservation) Release() {
	r.once.Do(func() {
		if r.agent == nil {
			return
		}
		r.agent.mu.Lock()
		r.agent.gov.Release(r.bytes)
		r.agent.mu.Unlock()
		r.agent.poke()
	})
}

// Reserve waits until bytes more are granted, parking the goroutine and not its thread. Where the
// answer is final it returns a *RefusedError at once; where the host might still grant it, when ctx
// ends. Reservations are admitted in the order they were asked for. A nil Agent admits everything: that
// is hosted mode.
func (a *Agent) Reserve(ctx context.Context, bytes int64) (*Reservation, error) {
	if a == nil || bytes <= 0 {
		return &Reservation{bytes: max(bytes, 0)}, nil
	}
	done := make(chan error, 1)
	a.mu.Lock()
	if a.ended {
		a.mu.Unlock()
		return nil, &RefusedError{Wanted: bytes, Err: context.Canceled}
	}
	id := a.gov.Reserve(bytes)
	a.parked[id] = parked{bytes: bytes, done: done}
	a.mu.Unlock()
	a.poke()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		if err := a.giveUp(ctx, id, bytes, done); err != nil {
			return nil, err
		}
	}
	return &Reservation{agent: a, bytes: bytes}, nil
}

// parked is a goroutine in Reserve.
type parked struct {
	bytes int64
	done  chan error
}

// giveUp leaves the queue, unless the answer came first: then the answer counts.
func (a *Agent) giveUp(ctx context.Context, id uint64, bytes int64, done <-chan error) error {
	a.mu.Lock()
	left := a.gov.Leave(id)
	delete(a.parked, id)
	a.mu.Unlock()
	if !left {
		return <-done
	}
	a.poke()
	return a.refusal(bytes, ctx.Err())
}

// refusal is the error of a wait that ended for another reason than the host's answer.
func (a *Agent) refusal(bytes int64, why error) *RefusedError {
	if a == nil {
		return &RefusedError{Wanted: bytes, Err: why}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return &RefusedError{Wanted: bytes, Granted: a.gov.granted, Limit: a.gov.why, Err: why}
}

// answer lets those go on whom the decision admitted, and sends those away for whom the answer is
// final. The caller holds mu.
func (a *Agent) answer(d Decision) {
	for _, id := range d.Admitted {
		a.parked[id].done <- nil
		delete(a.parked, id)
	}
	for _, id := range d.Refused {
		p := a.parked[id]
		p.done <- &RefusedError{Wanted: p.bytes, Granted: a.gov.granted, Limit: a.gov.why}
		delete(a.parked, id)
	}
}

// Reserve queues a reservation; its ticket comes back in Decision.Admitted or Decision.Refused.
func (g *Governor) Reserve(bytes int64) uint64 { return g.admission.ask(bytes) }

// Release gives admitted bytes back.
func (g *Governor) Release(bytes int64) { g.admission.release(bytes) }

// Leave takes a reservation out of the queue, or reports false: it was answered.
func (g *Governor) Leave(id uint64) bool { return g.admission.leave(id) }

// admit answers reservations after a step in which base is what everything else needs.
func (g *Governor) admit(base int64) (admitted, refused []uint64) {
	admitted = g.admission.admit(g.granted - base)
	// The answer is final when the newest demand was answered with less and nothing but the guest's own
	// maximum stands in the way: waiting would not help. One behind it may ask for less, and have it.
	for g.answered && g.why == hvcall.LimitMaximum && len(g.admission.waiting) > 0 {
		id := g.admission.waiting[0].id
		g.admission.leave(id)
		refused = append(refused, id)
		admitted = append(admitted, g.admission.admit(g.granted-base)...)
	}
	return admitted, refused
}

// mapped takes in that so many bytes more are mapped outside the heap; negative = fewer.
func (a *Agent) mapped(bytes int64) {
	a.mu.Lock()
	a.gov.offHeap = max(0, a.gov.offHeap+bytes)
	a.mu.Unlock()
	a.poke()
}
