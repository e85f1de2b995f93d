package daemon

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/host/nodeapi"
)

func TestAgain(t *testing.T) {
	for name, c := range map[string]struct {
		policy nodeapi.Restart
		end    end
		yes    bool
		wait   time.Duration
	}{
		"never":              {nodeapi.RestartNever, end{failed: true}, false, 0},
		"failed":             {nodeapi.RestartOnFailure, end{failed: true}, true, time.Second},
		"failed again":       {nodeapi.RestartOnFailure, end{failed: true, streak: 3}, true, 8 * time.Second},
		"failed after long":  {nodeapi.RestartOnFailure, end{failed: true, streak: 9, ran: time.Hour}, true, time.Second},
		"did not fail":       {nodeapi.RestartOnFailure, end{}, false, 0},
		"always":             {nodeapi.RestartAlways, end{}, true, time.Second},
		"always, but halted": {nodeapi.RestartAlways, end{failed: true, halted: true}, false, 0},
		"ever again":         {nodeapi.RestartAlways, end{streak: 1 << 40}, true, backoffMost},
	} {
		if yes, wait, _ := again(c.policy, c.end); yes != c.yes || wait != c.wait {
			t.Errorf("%s: %v, %v", name, yes, wait)
		}
	}
}

// TestBackoffGrows: a guest that keeps failing is started ever less often, and never more often than once a second.
func TestBackoffGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streak, last := 0, time.Duration(0)
		for range rapid.IntRange(1, 100).Draw(t, "failures") {
			var yes bool
			var wait time.Duration
			yes, wait, streak = again(nodeapi.RestartOnFailure, end{failed: true, ran: steady - 1, streak: streak})
			if !yes || wait < last || wait < backoffLeast || wait > backoffMost {
				t.Fatalf("%v, %v after %v", yes, wait, last)
			}
			last = wait
		}
	})
}
