package runtime

import (
	"context"
	"sync"

	"github.com/silo-os/silo/hvcall"
)

// Migration is how far the move of the guest to another host is.
type Migration string

// What an application hears of a move. Each Moving is followed by one of the others.
const (
	Moving Migration = "moving" // it is about to move: drop idle connections, flush buffers, shrink caches; each byte less is copied less
	Stayed Migration = "stayed" // it stays where it is, after all
	Moved  Migration = "moved"  // it runs on another host: connections that are kept alive still stand; names may resolve to something nearer
)

// OnMigrate has f called, one call at a time, with each step of a move to another host. At Moving the move waits for f to
// return, or for the end of ctx, whichever is first. When hosted without a script it never is.
func (g *Guest) OnMigrate(f func(ctx context.Context, m Migration)) {
	if s, _ := g.session(); s != nil {
		s.moves.add(f)
	}
}

// moves is who hears of moves.
type moves struct {
	calling sync.Mutex // held while they are called: one after the other

	mu    sync.Mutex
	hooks []func(context.Context, Migration) // guarded by mu, as all below
	told  int                                // how often something was said of a move
}

// begin notes that something was said, and returns its number.
func (m *moves) begin() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told++
	return m.told
}

// during calls f unless something was said after what has the number. f must not wait.
func (m *moves) during(n int, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told == n {
		f()
	}
}

func (m *moves) add(f func(context.Context, Migration)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hooks = append(m.hooks, f)
}

// tell calls all of them and returns when they are through, or ctx has ended.
func (m *moves) tell(ctx context.Context, is Migration) {
	m.mu.Lock()
	hooks := append([]func(context.Context, Migration){}, m.hooks...)
	m.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.calling.Lock()
		defer m.calling.Unlock()
		for _, f := range hooks {
			f(ctx, is)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// migrate does the application's part of a move.
func (s *session) migrate(ctx context.Context, m hvcall.Migrate) {
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	if !ready {
		return
	}
	n := s.moves.begin()
	switch m.Phase {
	case hvcall.PhasePrepare:
		ctx, cancel := context.WithTimeout(ctx, m.Within())
		defer cancel()
		s.moves.tell(ctx, Moving)
		// Hooks may have taken so long that the move is over.
		var collected <-chan struct{}
		s.moves.during(n, func() { collected = s.memory.Tighten() })
		if collected == nil {
			return
		}
		select {
		case <-collected:
		case <-ctx.Done():
		}
	case hvcall.PhaseCancelled:
		s.moves.during(n, s.memory.Relax)
		s.moves.tell(ctx, Stayed)
	case hvcall.PhaseArrived:
		s.moves.during(n, s.memory.Relax)
		s.moves.tell(ctx, Moved)
	}
}
