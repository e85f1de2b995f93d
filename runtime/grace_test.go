package runtime

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestGraceEndsBeforeTheGuestDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer func(e time.Time) { ending.at = e }(ending.at)
		ctx, cancel := (&Guest{}).Grace()
		defer cancel()
		if at, _ := ctx.Deadline(); time.Until(at) != graceHosted {
			t.Errorf("%v without a host", time.Until(at))
		}
		ending.in(20 * time.Second)
		ending.in(30 * time.Second) // a later one does not count
		ctx, cancel = (&Guest{}).Grace()
		defer cancel()
		if at, _ := ctx.Deadline(); time.Until(at) != 18*time.Second {
			t.Errorf("%v of 20 s", time.Until(at))
		}
		ending.in(10 * time.Second)
		ctx, cancel = (&Guest{}).Grace()
		defer cancel()
		start := time.Now()
		if <-ctx.Done(); time.Since(start) != 9*time.Second {
			t.Errorf("over after %v of 10 s", time.Since(start))
		}
	})
}
