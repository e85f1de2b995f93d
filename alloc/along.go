package alloc

import (
	"sync/atomic"
	"time"
)

// along has the looks of an agent at rest made while the process is awake for another's sake. To wake it for a look alone costs a
// guest under emulation more than the look: with it wakes the Go runtime's own watchman, who sleeps again after some ten short naps.
type along struct {
	cameAt atomic.Int64 // when somebody came last, nanoseconds since the agent's start; 0 = nobody did
	due    atomic.Int64 // when the look is due that who comes then may have made, likewise; 0 = none is
}

const (
	// alongWithin is how long ago somebody came who will come again.
	alongWithin = 800 * time.Millisecond

	// alongMost is how long the agent sleeps when another is to wake it: a second late at most, should nobody come.
	alongMost = time.Second
)

// sleep is how long the agent sleeps, by itself, until a look that is due after period. At rest somebody else may have it made.
func (l *along) sleep(now, period time.Duration, rest bool) time.Duration {
	came := time.Duration(l.cameAt.Load())
	if !rest || came == 0 || now-came > alongWithin {
		l.due.Store(0)
		return period
	}
	l.due.Store(int64(now + period))
	return alongMost
}

// came takes in that the process is awake, and reports whether a look is due. It says so once.
func (l *along) came(now time.Duration) bool {
	l.cameAt.Store(int64(now))
	due := l.due.Load()
	return due != 0 && int64(now) >= due && l.due.CompareAndSwap(due, 0)
}
