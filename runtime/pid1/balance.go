package pid1

import (
	"time"

	"github.com/silo-os/silo/hvcall"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	// block is the granularity of what the host plugs.
	block = 4 * mib

	// reserveLeast stays free beyond what the kernel keeps: this process's own growth, the per-processor free
	// lists, the descriptors of a block that comes, and what the gate lets through.
	reserveLeast = 7 * mib

	// keptShare of what is plugged in addition the kernel will keep in addition: a tenth of its own zones,
	// which are a fifth of a large guest, and its watermarks.
	keptShare = 40

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
	Total   int64 // managed by the kernel's page allocator, hot-plugged blocks included
	Free    int64 // free pages of the whole guest
	Charged int64 // charged to the application's cgroup
	Cache   int64 // of that, pages of files not used lately: they can be dropped and read again; see Said
	Kept    int64 // what the kernel keeps of its zones from an application, see parseKept
	Stalled bool  // a thread waits at the gate

	Pressure time.Duration // since boot, in which at least one thread waited for memory to be reclaimed; see Said
}

// Plan is what PID 1 does about a Reading.
type Plan struct {
	Limit  int64         // of the application's cgroup, bytes
	Share  int64         // what the application is told it may hold, bytes
	State  bool          // Demand is new and should be stated
	Capped bool          // more would be demanded were it not for the guest's maximum
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

	// Unmanaged is what of the boot memory the page allocator never got, bytes: the kernel's own
	// image and the descriptors of boot memory.
	Unmanaged int64

	granted int64
	stated  int64 // total demanded last
	left    int64 // the least that was demanded since the host spoke of memory, and so is left until it does; 0 = no less than granted

	system     int64 // last measured share of kernel and PID 1
	unplugging bool  // a lower demand is being met: pages are in between, and nothing can be measured

	app     hvcall.Demand // newest demand of the application; Memory 0 = it said nothing yet
	held    int64         // what its runtime says it holds, until compared with what it is charged
	extra   int64         // charged beyond what its runtime counts
	outside outside       // estimates in place of the application's own word

	stall     int64 // share demanded because of a stall
	stalledAt time.Duration
	waiting   time.Duration // since when a thread waits; 0 = none does
	urged     bool          // the demand that stands was stated as that of a thread that waits
}

// Granted takes in the host's newest grant. answered says that it answers the newest demand: blocks that
// were to leave have left by then, or will not.
func (b *Balance) Granted(bytes int64, answered bool) {
	if answered || bytes != b.granted {
		b.left = 0 // else it speaks of something else, and may not have heard of the lower demand yet
	}
	b.granted = bytes
	b.unplugging = b.unplugging && !answered
}

// holds is what the guest may count on. What it said that it does without is leaving: if it wants more after all it has to wait for the
// host's word, or the device takes what is in use by then.
func (b *Balance) holds() int64 {
	if b.left != 0 {
		return min(b.granted, b.left)
	}
	return b.granted
}

// AppDemand takes in the application's own demand.
func (b *Balance) AppDemand(d hvcall.Demand) { b.app = d }

// AppHeld takes in what the application's runtime holds.
func (b *Balance) AppHeld(bytes int64) { b.held = bytes }

// Said is what the application says it needs, in bytes, or 0 if it says nothing. Where it is charged no more than that, the next
// Step does not look at a reading's Cache and Pressure.
func (b *Balance) Said() int64 {
	if b.app.Memory == 0 {
		return 0
	}
	return int64(b.app.Memory) + b.extra/4*extraFade // compare leaves at least that
}

// Step takes in a reading and plans.
func (b *Balance) Step(now time.Duration, r Reading) Plan {
	// Plugged and not granted: between a resize and its grant the two differ, and free pages are
	// counted in what is plugged.
	plugged := r.Total + b.Unmanaged
	if !b.unplugging || r.Free < reserveLeast/2 {
		b.system = max(0, plugged-r.Free-r.Charged)
	}
	system := b.system
	reserve := reserveLeast + r.Kept
	b.compare(r)
	share := b.share(now, r)
	b.watch(now, r)
	want := system + share
	want += reserve + max(0, want-plugged)/keptShare // of the guest that it will be then
	want = coarse(want + max(0, want-plugged)/memmapShare)
	capped := want > b.Max
	want = min(max(want, b.Boot), b.Max)
	p := Plan{Capped: capped, State: want > b.stated || want <= b.stated-max(2*block, b.stated/lowerShare)}
	if p.State {
		b.unplugging = want < b.stated
		b.stated = want
		if want < b.holds() {
			b.left = want
		}
	}
	// A demand that was stated ahead and is late becomes urgent, and is said again.
	p.State = p.State || r.Stalled && !b.urged && b.stated > b.holds()
	b.urged = r.Stalled && (b.urged || p.State)
	// What is about to leave is not offered any more, nor what has not come yet.
	have := min(b.holds(), plugged, b.stated)
	p.Limit = max(have-system-reserve, r.Charged/4, mib)
	if r.Stalled {
		p.Limit = max(p.Limit, min(r.Charged+atOnce(r.Free-reserve), min(b.granted, plugged)-system-reserve))
	}
	p.Share = max(p.Limit-b.extra, mib)
	p.Demand = b.demand(r, system+reserve)
	return p
}

// atOnce is what a thread that waits is given without asking anybody: of what is free beyond the reserve
// because it was to leave. The device takes only what is free, and the grant still stands. Half of it, since
// blocks may be leaving at this moment.
func atOnce(spare int64) int64 { return min(max(0, spare/2), stallStep) }

// extraMost bounds what is believed of pages that the runtime does not know of.
const extraMost = 64 * mib

// extraFade is what is left of extra with each word of the runtime that finds less, in quarters: huge pages
// come and go with each cycle of the collector, and a limit just above what is charged closes the gate.
const extraFade = 3

// compare finds what the application is charged beyond what its runtime counts: files in memory, and
// huge pages of which it uses a part. The two must be of one moment, so it is done once
// for each word of the runtime.
func (b *Balance) compare(r Reading) {
	if b.held == 0 {
		return
	}
	b.extra = min(max(r.Charged-b.held, b.extra/4*extraFade, 0), extraMost)
	b.held = 0
}

// share is what the application should be able to hold, in bytes.
func (b *Balance) share(now time.Duration, r Reading) int64 {
	var share int64
	if b.app.Memory != 0 {
		share = max(int64(b.app.Memory)+b.extra, r.Charged-r.Cache)
	} else {
		share = b.outside.step(now, r)
	}
	if r.Stalled {
		b.stall = max(b.stall, r.Charged+max(stallStep, r.Charged/4))
		b.stalledAt = now
	} else if now-b.stalledAt > stallHold {
		b.stall = 0
	}
	return max(share, b.stall)
}

// watch notes since when a thread waits.
func (b *Balance) watch(now time.Duration, r Reading) {
	if !r.Stalled {
		b.waiting = 0
	} else if b.waiting == 0 {
		b.waiting = max(now, 1)
	}
}

// Waited is how long a thread has been waiting at the gate.
func (b *Balance) Waited(now time.Duration) time.Duration {
	if b.waiting == 0 {
		return 0
	}
	return now - b.waiting
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
	case b.stated < b.holds() || b.stated == b.left:
		d.Urgency, d.Reason = hvcall.UrgencyIdle, hvcall.ReasonShrink
	}
	return d
}

// coarse rounds a demand up to a 32nd of itself: a heap that grows steadily asks a few dozen times on
// its way to any size, and not once for each block.
func coarse(n int64) int64 {
	grain := int64(block)
	for grain < n/32 {
		grain *= 2
	}
	return (n + grain - 1) / grain * grain
}

func roundUp(n int64) int64 { return (n + block - 1) / block * block }
