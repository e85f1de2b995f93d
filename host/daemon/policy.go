package daemon

import (
	"time"

	"github.com/silo-os/silo/host/nodeapi"
)

// The wait before a guest is started again doubles with each start that did not last for steady.
const (
	backoffLeast = time.Second
	backoffMost  = 5 * time.Minute
	steady       = time.Minute
)

// end is what counts of how a guest ended.
type end struct {
	failed bool
	halted bool          // somebody stopped or killed it
	ran    time.Duration // from its start
	streak int           // starts in a row that did not last
}

// again decides whether and when a guest that has ended is started again, and returns the streak from then on.
func again(p nodeapi.Restart, e end) (yes bool, wait time.Duration, streak int) {
	if e.halted || p != nodeapi.RestartAlways && (p != nodeapi.RestartOnFailure || !e.failed) {
		return false, 0, 0
	}
	streak = e.streak + 1
	if e.ran >= steady {
		streak = 1
	}
	wait = backoffLeast << min(streak-1, 20)
	return true, min(wait, backoffMost), streak
}
