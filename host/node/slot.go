package node

import "sync"

// slot holds the newest value for one reader: a value that was not taken in time is replaced.
type slot[T any] struct {
	wake chan struct{} // holds a token while there may be something to take

	mu   sync.Mutex
	v    T
	full bool
}

func newSlot[T any]() *slot[T] { return &slot[T]{wake: make(chan struct{}, 1)} }

func (s *slot[T]) put(v T) {
	s.mu.Lock()
	s.v, s.full = v, true
	s.mu.Unlock()
	s.poke()
}

// poke wakes the reader.
func (s *slot[T]) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the value and leaves the slot empty.
func (s *slot[T]) take() (v T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok = s.v, s.full
	s.full = false
	return v, ok
}
