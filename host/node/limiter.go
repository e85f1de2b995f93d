package node

import (
	"context"
	"sync"
)

// limiter keeps what is enforced of a guest's memory at what the ledger says: raised by whoever is about to have
// the machine hold more, lowered in its own time.
type limiter struct {
	set  func(int64) // nil = nobody enforces it
	wake chan struct{}

	mu  sync.Mutex
	now int64 // bytes; 0 = not set yet
}

func newLimiter(set func(int64)) *limiter { return &limiter{set: set, wake: make(chan struct{}, 1)} }

// follow sets the limit, where it is another.
func (l *limiter) follow(upper func() int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := upper(); l.set != nil && n > 0 && n != l.now {
		l.set(n)
		l.now = n
	}
}

func (l *limiter) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// upper is the most memory the machine may hold by the ledger.
func (g *Guest) upper() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.view.Memory.Upper
}

// limit follows the ledger until ctx ends. What raises it does so itself, before.
func (g *Guest) limit(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.limits.wake:
			g.limits.follow(g.upper)
		}
	}
}
