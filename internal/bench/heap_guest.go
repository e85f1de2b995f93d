package bench

import (
	"context"
	"errors"
	"time"
)

// pid1 is what a guest's first process says of the gate since boot.
type pid1 struct {
	stalls  uint64
	stalled time.Duration
	kills   uint64
}

// heapGuest is a guest with the load program in it, whatever moves its memory.
type heapGuest interface {
	Resident() (int64, error) // on the host, bytes
	Said() pid1
	RoundTrip(context.Context) (time.Duration, error) // to PID 1; errNoPID1 where nobody answers
	Done() <-chan struct{}                            // closed when it has ended
	Starved() (why string, yes bool)                  // after Done: it was ended for want of memory
	Last() []string                                   // last lines of its console
	Close() error
}

// sized is a heapGuest that somebody resizes from outside.
type sized interface {
	heapGuest
	Size() int64
	// SetSize returns when the guest has the size, or does not get it. That it does not is no error.
	SetSize(ctx context.Context, bytes int64) error
	// Agent is usage as an agent outside the application sees it, newer than since; false = there is no such
	// agent, or it has said nothing since then.
	Agent(since time.Time) (used, total int64, ok bool)
}

// errNoPID1 says that the guest has no first process of silo's.
var errNoPID1 = errors.New("the guest does not answer calls")
