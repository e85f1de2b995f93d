package runtime

import (
	"context"
	"sync"
	"time"
)

// graceHosted is the time for a clean end where no host says how long it is: what silo run gives by default.
const graceHosted = 10 * time.Second

// end is when the host ends the guest, once it was asked to end by itself.
type end struct {
	mu sync.Mutex
	at time.Time // zero = nobody asked
}

// ending is this process's end.
var ending end

// in takes in how long the program has. A tenth of it is kept for what comes after the program's own work.
func (e *end) in(within time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := time.Now().Add(within - within/10)
	if e.at.IsZero() || at.Before(e.at) {
		e.at = at
	}
}

func (e *end) when() (at time.Time, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at, !e.at.IsZero()
}

// Grace returns a context for what a program does after the context of [Main] has ended: it ends when the time that the host
// gave for a clean end is almost over. Where nobody said how long that is, it is ten seconds from now.
//
//	context.AfterFunc(ctx, func() {
//		grace, cancel := guest.Grace()
//		defer cancel()
//		srv.Shutdown(grace)
//	})
func (g *Guest) Grace() (context.Context, context.CancelFunc) {
	if at, known := ending.when(); known {
		return context.WithDeadline(context.Background(), at)
	}
	return context.WithTimeout(context.Background(), graceHosted)
}
