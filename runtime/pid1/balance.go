package pid1

import (
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/recent"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	// block is the granularity of what the host plugs.
	block = 2 * mib

	// reserveLeast stays free whatever the application does: PID 1's own needs, per-processor
	// free lists, and the page descriptors of the first block to be plugged. With less, a plug that
	// should relieve a shortage fails for the shortage.
	reserveLeast = 5 * mib

	// memmapShare: 64 bytes describe a page of 4 KiB; as much must be free before plugging.
	memmapShare = 64

	// stallStep is what an application that waits at its gate is given at least.
	stallStep = 16 * mib

	// stallHold is how long a demand raised by a stall stands before the forecast rules again.
	stallHold = 2 * time.Second

	// lower demands are stated when they are lower by this share of what stands, or two blocks.
	lowerShare = 16
)

// Reading is what PID 1 measured at one moment, in bytes.
type Reading struct {
	Free    int64 // free pages of the whole guest
	Charged int64 // charged to the application's cgroup
	MinFree int64 // the kernel's own reserve, vm.min_free_kbytes
	Stalled bool  // a thread waits at the gate
}

// Plan is what PID 1 does about a Reading.
type Plan struct {
	Limit  int64         // of the application's cgroup, bytes
	Share  int64         // what the application is told it may hold, bytes
	State  bool          // Demand is new and should be stated
	Demand hvcall.Demand // the guest's memory half; revision and vCPUs are the caller's
}

// Balance splits what the host granted between the kernel, PID 1 and the application, and adds up
// what the guest demands. It is pure: readings in, plans out; now is the time since any fixed moment.
//
//	granted = system (kernel, PID 1, files) + reserve + application
//
// The system's share is not configured but measured, as what is neither free nor charged to the
// application, so that sockets and page tables are paid for as they appear.
type Balance struct {
	Boot, Max int64 // bounds of the guest, bytes

	granted int64
	stated  int64 // total demanded last

	app     hvcall.Demand // newest demand of the application; Memory 0 = it said nothing yet
	held    int64         // what its runtime says it holds
	outside outside       // estimates in place of the application's own word

	stall     int64 // share demanded because of a stall
	stalledAt time.Duration
	refused   time.Duration // since when a thread waits although the host has no more; 0 = no
	limit     hvcall.Limit
}

// Granted takes in the host's newest grant.
func (b *Balance) Granted(bytes int64, why hvcall.Limit) { b.granted, b.limit = bytes, why }

// AppDemand takes in the application's own demand.
func (b *Balance) AppDemand(d hvcall.Demand) { b.app = d }

// AppHeld takes in what the application's runtime holds.
func (b *Balance) AppHeld(bytes int64) { b.held = bytes }

// Step takes in a reading and plans.
func (b *Balance) Step(now time.Duration, r Reading) Plan {
	system := max(0, b.granted-r.Free-r.Charged)
	reserve := reserveLeast + r.MinFree
	extra := b.extra(r)
	share := b.share(now, r, extra)
	b.watch(now, r)
	want := system + reserve + share
	want = roundUp(want + max(0, want-b.granted)/memmapShare)
	want = min(max(want, b.Boot), b.Max)
	p := Plan{State: want > b.stated || want <= b.stated-max(2*block, b.stated/lowerShare)}
	if p.State {
		b.stated = want
	}
	have := b.granted
	if b.stated < have {
		have = b.stated // what is about to leave is not offered any more
	}
	p.Limit = max(have-system-reserve, r.Charged/4, mib)
	p.Share = max(p.Limit-extra, mib)
	p.Demand = b.demand(r, system+reserve)
	return p
}

// extra is what the application is charged beyond what its runtime counts: files in memory, and
// huge pages of which it uses a part.
func (b *Balance) extra(r Reading) int64 {
	if b.app.Memory == 0 {
		return 0
	}
	return min(max(0, r.Charged-b.held), 64*mib)
}

// share is what the application should be able to hold, in bytes.
func (b *Balance) share(now time.Duration, r Reading, extra int64) int64 {
	share := b.outside.step(now, r.Charged)
	if b.app.Memory != 0 {
		share = max(int64(b.app.Memory)+extra, r.Charged)
	}
	if r.Stalled {
		b.stall = max(b.stall, r.Charged+max(stallStep, r.Charged/4))
		b.stalledAt = now
	} else if now-b.stalledAt > stallHold {
		b.stall = 0
	}
	return max(share, b.stall)
}

// watch notes since when a thread waits although nothing more will come by itself.
func (b *Balance) watch(now time.Duration, r Reading) {
	if !r.Stalled {
		b.refused = 0
	} else if b.refused == 0 {
		b.refused = max(now, 1)
	}
}

// Refused is how long a thread has waited in vain.
func (b *Balance) Refused(now time.Duration) time.Duration {
	if b.refused == 0 {
		return 0
	}
	return now - b.refused
}

// AtMaximum reports that the guest holds all it can ever hold.
func (b *Balance) AtMaximum() bool { return b.granted >= b.Max/block*block }

func (b *Balance) demand(r Reading, base int64) hvcall.Demand {
	d := hvcall.Demand{Memory: uint64(b.stated), Urgency: hvcall.UrgencyAhead, Reason: hvcall.ReasonUsage}
	d.Floor = uint64(min(b.stated, max(b.Boot, roundUp(base+r.Charged))))
	if b.app.Memory != 0 {
		d.Urgency, d.Reason = b.app.Urgency, b.app.Reason
	}
	switch {
	case r.Stalled:
		d.Urgency, d.Reason = hvcall.UrgencyStalled, hvcall.ReasonGate
	case b.stated < b.granted:
		d.Urgency, d.Reason = hvcall.UrgencyIdle, hvcall.ReasonShrink
	}
	return d
}

func roundUp(n int64) int64 { return (n + block - 1) / block * block }

// outside estimates what an application will need that does not say so itself, from what it is
// charged: a quarter more, and what it may take while a grant is on its way.
type outside struct {
	rate    recent.High
	lately  recent.Window
	last    int64
	lastAt  time.Duration
	started bool
}

const (
	outsideSettle = 5 * time.Second
	outsideHalf   = time.Second
	outsideLate   = 0.15 // seconds from a reading to its grant, with room for a busy host
	outsideRoom   = 8 * mib
)

func (o *outside) step(now time.Duration, charged int64) int64 {
	if dt := now - o.lastAt; o.started && dt > 0 && charged > o.last {
		o.rate.Add(now, float64(charged-o.last)/dt.Seconds(), outsideHalf)
	}
	o.last, o.lastAt, o.started = charged, now, true
	ahead := int64(o.rate.Get(now, outsideHalf) * outsideLate)
	return o.lately.Add(now, charged+max(outsideRoom, charged/4)+ahead, outsideSettle)
}
