package pid1

import (
	"testing"
	"time"
)

// TestBurstIsNoRate: pages charged between two looks at almost the same moment are no growth of gigabytes a second, and a rate that
// lasts has a share that keeps ahead of it.
func TestBurstIsNoRate(t *testing.T) {
	var o outside
	o.step(time.Second, Reading{Charged: 20 * mib})
	if got := o.step(time.Second+20*time.Microsecond, Reading{Charged: 21 * mib}); got > 21*mib+2*outsideRoom {
		t.Errorf("a burst of a MiB: a share of %d MiB", got/mib)
	}
	if got := o.step(time.Second+outsideSpan, Reading{Charged: 400 * mib}); got > 2*400*mib+400*mib/4 {
		t.Errorf("a burst of 380 MiB: a share of %d MiB", got/mib)
	}

	o = outside{}
	charged := int64(20 * mib)
	for now := time.Second; now < 3*time.Second; now += 2 * time.Millisecond {
		charged += mib / 5 // 100 MiB/s
		if got := o.step(now, Reading{Charged: charged}); now > time.Second+100*time.Millisecond && got < charged+charged/4+14*mib {
			t.Fatalf("%v: a share of %d MiB for %d MiB", now, got/mib, charged/mib)
		}
	}
}
