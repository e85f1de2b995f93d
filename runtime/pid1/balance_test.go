package pid1

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// fakeGuest is a kernel's memory in numbers: what was plugged, what the system and the application
// use of it.
type fakeGuest struct {
	boot, plugged   int64
	system, charged int64
}

func (f fakeGuest) reading() Reading {
	return Reading{Total: f.boot - 20*mib + f.plugged, Free: f.boot - 20*mib + f.plugged - f.system - f.charged, Charged: f.charged, Kept: 6 * mib}
}

func newBalance() Balance {
	b := Balance{Boot: 64 * mib, Max: 2048 * mib, Unmanaged: 20 * mib}
	b.Granted(64*mib, true)
	return b
}

func TestIdleGuestDemandsItsBootMemory(t *testing.T) {
	b := newBalance()
	p := b.Step(0, fakeGuest{boot: 64 * mib, system: 10 * mib}.reading())
	if !p.State || p.Demand.Memory != 64*mib {
		t.Fatalf("first plan %+v", p)
	}
	if p.Limit+10*mib+20*mib+reserveLeast+6*mib != 64*mib {
		t.Errorf("limit %d MiB: the parts do not add up to the grant", p.Limit>>20)
	}
	if p = b.Step(time.Second, fakeGuest{boot: 64 * mib, system: 10 * mib}.reading()); p.State {
		t.Errorf("stated again although nothing changed: %+v", p.Demand)
	}
}

func TestApplicationsWordGoesIntoTheDemand(t *testing.T) {
	b := newBalance()
	f := fakeGuest{boot: 64 * mib, system: 10 * mib, charged: 8 * mib}
	b.Step(0, f.reading())
	b.AppDemand(hvcall.Demand{Revision: 1, Memory: 300 * mib, Urgency: hvcall.UrgencyAhead, Reason: hvcall.ReasonForecast})
	p := b.Step(time.Millisecond, f.reading())
	if !p.State || p.Demand.Memory < 338*mib || p.Demand.Memory > 380*mib {
		t.Fatalf("demand %d MiB for 300 of the application", p.Demand.Memory>>20)
	}
	if p.Demand.Reason != hvcall.ReasonForecast {
		t.Errorf("reason %v", p.Demand.Reason)
	}
	// Plugged but not granted yet, then granted: the limit follows the grant.
	f.plugged = int64(p.Demand.Memory) - 64*mib
	before := b.Step(2*time.Millisecond, f.reading()).Limit
	b.Granted(int64(p.Demand.Memory), true)
	after := b.Step(3*time.Millisecond, f.reading()).Limit
	if before > 64*mib || after < 300*mib {
		t.Errorf("limit %d MiB before the grant, %d after", before>>20, after>>20)
	}
}

// TestWhatLeavesIsNotOffered: a guest that has said that it does with less, and wants more again before that has left, waits for its host:
// what it had is on its way out, and what the device and the application both take is missing to both.
func TestWhatLeavesIsNotOffered(t *testing.T) {
	b := newBalance()
	f := fakeGuest{boot: 64 * mib, plugged: 1340 * mib, system: 20 * mib, charged: 60 * mib}
	b.Granted(1404*mib, true)
	b.AppDemand(hvcall.Demand{Revision: 1, Memory: 1300 * mib})
	b.Step(0, f.reading())
	b.AppDemand(hvcall.Demand{Revision: 2, Memory: 100 * mib})
	low := b.Step(time.Millisecond, f.reading())
	if !low.State || low.Demand.Urgency != hvcall.UrgencyIdle {
		t.Fatalf("nothing leaves: %+v", low)
	}
	// It grows again. Half of what was to leave has left, and the host has not spoken.
	f.plugged = 700 * mib
	b.AppDemand(hvcall.Demand{Revision: 3, Memory: 600 * mib, Urgency: hvcall.UrgencySoon})
	p := b.Step(2*time.Millisecond, f.reading())
	if p.Limit > low.Limit {
		t.Errorf("offered %d MiB while what is above %d leaves", p.Limit>>20, low.Limit>>20)
	}
	if !p.State || p.Demand.Urgency != hvcall.UrgencySoon {
		t.Errorf("the host learns that it may take its time: %+v", p.Demand)
	}
	b.Granted(1404*mib, false) // of something else, said before it heard of any of this
	if p := b.Step(3*time.Millisecond, f.reading()); p.Limit > low.Limit {
		t.Errorf("offered %d MiB by a grant that had crossed the demand", p.Limit>>20)
	}
	b.Granted(400*mib, false) // a part of what is wanted
	if p := b.Step(4*time.Millisecond, f.reading()); p.Limit < 300*mib || p.Limit > 400*mib {
		t.Errorf("offered %d MiB of the 400 that the host granted", p.Limit>>20)
	}
	b.Granted(704*mib, true)
	if p := b.Step(5*time.Millisecond, f.reading()); p.Limit < 500*mib {
		t.Errorf("offered %d MiB when all is granted", p.Limit>>20)
	}
}

// TestUnplugDoesNotDisturb: while blocks leave, pages are neither free nor in use; that must not look
// like a system that suddenly needs them.
func TestUnplugDoesNotDisturb(t *testing.T) {
	b := newBalance()
	f := fakeGuest{boot: 64 * mib, plugged: 640 * mib, system: 20 * mib, charged: 8 * mib}
	b.Granted(704*mib, true)
	b.AppDemand(hvcall.Demand{Revision: 1, Memory: 640 * mib})
	b.Step(0, f.reading())
	b.AppDemand(hvcall.Demand{Revision: 2, Memory: 16 * mib})
	p := b.Step(time.Millisecond, f.reading())
	if !p.State || p.Demand.Memory > 100*mib {
		t.Fatalf("lower demand not stated: %+v", p)
	}
	r := f.reading()
	r.Free -= 400 * mib
	if p = b.Step(2*time.Millisecond, r); p.State {
		t.Errorf("demanded %d MiB in the middle of an unplug", p.Demand.Memory>>20)
	}
}

func TestStallRaisesTheDemand(t *testing.T) {
	b := newBalance()
	f := fakeGuest{boot: 64 * mib, system: 10 * mib, charged: 26 * mib}
	b.Step(0, f.reading())
	r := f.reading()
	r.Stalled = true
	p := b.Step(time.Millisecond, r)
	if !p.State || p.Demand.Urgency != hvcall.UrgencyStalled || p.Demand.Memory < 72*mib {
		t.Fatalf("plan at a stall: %+v", p)
	}
	if b.Waited(time.Second) == 0 {
		t.Error("the wait is not counted")
	}
	b.Step(time.Second, f.reading())
	if b.Waited(time.Second) != 0 {
		t.Error("the wait is counted on after the stall")
	}
}

// TestPlansStayInBounds: whatever is read or granted, a plan never demands outside the bounds and
// never offers more than was granted.
func TestPlansStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBalance()
		size := rapid.Int64Range(0, 4096*mib)
		var now time.Duration
		granted := int64(64 * mib)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "dt"))
			switch rapid.IntRange(0, 3).Draw(t, "event") {
			case 0:
				granted = rapid.Int64Range(64*mib, 2048*mib).Draw(t, "granted")
				b.Granted(granted, true)
			case 1:
				b.AppDemand(hvcall.Demand{Revision: uint64(now), Memory: uint64(size.Draw(t, "app"))})
			case 2:
				b.AppHeld(size.Draw(t, "held"))
			}
			r := Reading{Total: size.Draw(t, "total"), Free: size.Draw(t, "free"), Charged: size.Draw(t, "charged"), Kept: 6 * mib, Stalled: rapid.Bool().Draw(t, "stalled")}
			p := b.Step(now, r)
			if p.State && (p.Demand.Memory < 64*mib || p.Demand.Memory > 2048*mib || p.Demand.Floor > p.Demand.Memory) {
				t.Fatalf("demand %+v", p.Demand)
			}
			if p.Limit < mib || p.Share < mib || p.Limit > max(granted, r.Charged/4, mib) {
				t.Fatalf("limit %d share %d of %d granted", p.Limit, p.Share, granted)
			}
		}
	})
}

func TestOutsideFollowsACurve(t *testing.T) {
	var o outside
	now, charged := time.Duration(0), int64(4*mib)
	for range 500 { // ten seconds at 20 MiB a second
		if room := o.step(now, Reading{Charged: charged}) - charged; room < 4*mib {
			t.Fatalf("only %d KiB ahead at %v", room>>10, now)
		}
		now += 20 * time.Millisecond
		charged += 400 * kib
	}
	charged = 4 * mib
	for range 400 {
		now += 20 * time.Millisecond
		o.step(now, Reading{Charged: charged})
	}
	if want := o.step(now, Reading{Charged: charged}); want > 16*mib {
		t.Errorf("eight seconds after the fall it still wants %d MiB", want>>20)
	}
}

// TestOutsideCountsTheWorkingSet: pages of files fill whatever there is, and are no need, unless
// somebody waits for them.
func TestOutsideCountsTheWorkingSet(t *testing.T) {
	var o outside
	r := Reading{Charged: 300 * mib, Cache: 260 * mib}
	var share int64
	for now := time.Duration(0); now < 10*time.Second; now += 100 * time.Millisecond {
		share = o.step(now, r)
	}
	if share < 48*mib || share > 64*mib {
		t.Errorf("a share of %d MiB for a working set of 40", share>>20)
	}
	for now := 10 * time.Second; now < 12*time.Second; now += 100 * time.Millisecond {
		r.Pressure += 30 * time.Millisecond
		share = o.step(now, r)
	}
	if share < r.Charged {
		t.Errorf("a share of %d MiB while it waits for dropped pages a third of the time", share>>20)
	}
}

// TestStallIsRelievedFromWhatIsFree: memory that was to leave, and is free still, ends a stall at once.
func TestStallIsRelievedFromWhatIsFree(t *testing.T) {
	b := newBalance()
	f := fakeGuest{boot: 64 * mib, plugged: 640 * mib, system: 20 * mib, charged: 30 * mib}
	b.Granted(704*mib, true)
	b.AppDemand(hvcall.Demand{Revision: 1, Memory: 600 * mib})
	b.Step(0, f.reading())
	b.AppDemand(hvcall.Demand{Revision: 2, Memory: 30 * mib})
	p := b.Step(time.Millisecond, f.reading())
	f.charged = p.Limit
	r := f.reading()
	r.Stalled = true
	if p = b.Step(2*time.Millisecond, r); p.Limit < f.charged+stallStep {
		t.Errorf("limit %d MiB, charged %d, and %d are free", p.Limit>>20, f.charged>>20, r.Free>>20)
	}
	// What is not there is not given.
	r.Free = reserveLeast
	if p = b.Step(3*time.Millisecond, r); p.Limit > f.charged {
		t.Errorf("limit %d MiB, charged %d, and nothing is free", p.Limit>>20, f.charged>>20)
	}
}
