package hvcalltest

import (
	"context"
	"slices"
	"sync"
	"time"
)

// outbox does things later, one after the other, in the order they are due; those due at the same
// time in the order they were put. It lets a handler answer without waiting for the peer to read.
type outbox struct {
	mu      sync.Mutex
	pending []letter // sorted by due
	woken   chan struct{}
}

type letter struct {
	due  time.Time
	send func()
}

func newOutbox() *outbox { return &outbox{woken: make(chan struct{}, 1)} }

// put has send called after delay. It does not wait.
func (o *outbox) put(delay time.Duration, send func()) {
	o.mu.Lock()
	l := letter{time.Now().Add(delay), send}
	i, _ := slices.BinarySearchFunc(o.pending, l, func(have, l letter) int {
		if have.due.After(l.due) {
			return 1
		}
		return -1
	})
	o.pending = slices.Insert(o.pending, i, l)
	o.mu.Unlock()
	select {
	case o.woken <- struct{}{}:
	default:
	}
}

// run sends until ctx ends; what is pending then is dropped.
func (o *outbox) run(ctx context.Context) {
	for ctx.Err() == nil {
		l, wait := o.next()
		if l.send != nil {
			l.send()
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-o.woken:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// next takes the letter that is due, or says how long until one is.
func (o *outbox) next() (letter, time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) == 0 {
		return letter{}, time.Hour
	}
	first := o.pending[0]
	if wait := time.Until(first.due); wait > 0 {
		return letter{}, wait
	}
	o.pending = o.pending[1:]
	return first, 0
}
