package hvcalltest

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Journal is what a fake heard of one kind, in the order it came. The zero value is empty and
// ready; it may be read and waited on from any goroutine.
type Journal[T any] struct {
	mu      sync.Mutex
	entries []T
	added   chan struct{} // closed at the next addition; nil = nobody waits
}

func (j *Journal[T]) add(v T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, v)
	if j.added != nil {
		close(j.added)
		j.added = nil
	}
}

// All returns a copy of every entry so far.
func (j *Journal[T]) All() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// Len returns the number of entries so far.
func (j *Journal[T]) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries)
}

// Last returns the newest entry, and false where there is none.
func (j *Journal[T]) Last() (v T, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) == 0 {
		return v, false
	}
	return j.entries[len(j.entries)-1], true
}

// Wait returns the first entry, old or new, for which match says true; nil matches any. When ctx ends
// first it returns an error that tells how many entries came and what the newest was.
func (j *Journal[T]) Wait(ctx context.Context, match func(T) bool) (T, error) {
	return j.WaitFrom(ctx, 0, match)
}

// WaitFrom is Wait for the entries from number from on, the first being 0. With from = Len() it
// waits for something new.
func (j *Journal[T]) WaitFrom(ctx context.Context, from int, match func(T) bool) (T, error) {
	for {
		entries, more := j.since(from)
		for _, v := range entries {
			if match == nil || match(v) {
				return v, nil
			}
		}
		from += len(entries)
		select {
		case <-more:
		case <-ctx.Done():
			var none T
			last, _ := j.Last()
			return none, fmt.Errorf("wait for %T: %w after %d, the last %+v", none, context.Cause(ctx), j.Len(), last)
		}
	}
}

// since returns the entries from a number on, and a channel that is closed when more come.
func (j *Journal[T]) since(from int) ([]T, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.added == nil {
		j.added = make(chan struct{})
	}
	return slices.Clone(j.entries[min(from, len(j.entries)):]), j.added
}
