package pid1

import (
	"context"
	"log/slog"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/alarm"
	"github.com/silo-os/silo/internal/threads"
	"github.com/silo-os/silo/sched"
)

// speaker is the part of an hvcall.Conn that the control loop uses.
type speaker interface {
	SendDemand(hvcall.Demand) error
	SendGrant(hvcall.Grant) error
	SendUsage(hvcall.Usage) error
	SendSteal(hvcall.Steal) error
	TellMigrate(context.Context, hvcall.Migrate) error
	RoundTrip(context.Context) (time.Duration, error)
}

const (
	// How often the loop looks at the memory by itself, see pace. Each look takes the first vCPU away from the application.
	tickCalm    = 200 * time.Millisecond
	tickQuiet   = 100 * time.Millisecond
	tickStalled = 5 * time.Millisecond

	// tickOutside is how often it looks at an application that does not speak, where nothing else tells that it should: at its
	// threads, while it may come to want another vCPU, and at the memory, until marks are set and while the kernel's own share grows.
	tickOutside = 20 * time.Millisecond

	usageEvery = time.Second

	// worthTelling is the least change of a limit that is written or told.
	worthTelling = 256 * kib

	pageSize = 4 * kib

	// startHold is how long an application that does not speak has to start before its cpuset is
	// narrowed to what is granted. The Go runtime counts its vCPUs in the first milliseconds.
	startHold = 300 * time.Millisecond

	// beforeStart holds the cpuset until there is an application.
	beforeStart = time.Duration(math.MaxInt64)

	// refuseAfter is how long a thread may wait when the guest holds its maximum and the host set
	// no time of its own: nothing can come any more.
	refuseAfter = 10 * time.Second
)

// control governs. All its state belongs to the goroutine in run; everything else posts.
type control struct {
	log     *slog.Logger
	m       machine
	host    speaker
	welcome hvcall.Welcome
	start   time.Time
	events  chan func(*control)

	pause *alarm.Alarm // between two looks; nil = they are waited for with Go's timer alone

	due     bool          // the memory must be looked at now
	lookAt  time.Duration // or then, if nothing happens before
	marks   marking
	allowed int64 // limit that was planned at the last look at the memory, and what the gate let through
	balance Balance
	cpu     vcpus
	steal   uint32 // as the host last said, thousandths
	useful  int    // vCPUs that the application could use, by its own setting if it has one
	bell    bell
	crowd   threads.Crowd // seen at crowdAt
	crowdAt time.Duration
	queue   *sched.Governor // speaks for an application that does not

	grant    hvcall.Grant // the host's newest
	applied  uint64       // serial of the newest that is fully applied
	demand   hvcall.Demand
	stated   uint64  // revision of the newest demand for memory
	app      speaker // nil = the application does not speak
	appSteal bool    // it reads Steal
	asked    uint64  // revision of the application's demand that went into ours
	answered uint64  // the newest of them that the host answered
	told     hvcall.Grant
	toldPart bool // the log says that a part of a vCPU was granted
	appUsage hvcall.Usage
	limit    int64
	lastRead Reading

	stalls      stalls
	late        lateness
	pulse       pulse
	pace        pace
	usageAt     time.Duration
	toldApplied uint64 // serial in the last usage
	killedBy    killReason
	saidAt      func() time.Time // when the application last wrote something
	dumps       func() bool      // a core of it is being taken: it stands still, or has crashed
}

// killReason says why this process ended the application.
type killReason struct {
	refused, shutdown bool
	hung              string // what was seen of it; "" = it does not hang
}

func newControl(log *slog.Logger, m machine, host speaker, w hvcall.Welcome, unmanaged int64) *control {
	c := &control{
		log: log, m: m, host: host, welcome: w, start: time.Now(), events: make(chan func(*control), 64),
		balance: Balance{Boot: int64(w.Memory.Boot), Max: int64(w.Memory.Max), Unmanaged: unmanaged},
		queue:   sched.NewGovernor(sched.Config{Max: wholeCPUs(w.CPU.MaxMilli), Probe: true}),
		grant:   hvcall.Grant{Serial: w.Grant.Serial, Memory: w.Grant.Memory, MilliCPU: w.Grant.MilliCPU},
		saidAt:  func() time.Time { return time.Time{} },
		dumps:   func() bool { return false },
	}
	c.cpu = vcpus{granted: w.Grant.MilliCPU, wanted: c.most(1000), most: wholeCPUs(w.CPU.MaxMilli), hold: startHold}
	c.useful = c.cpu.most
	c.balance.Granted(int64(w.Grant.Memory), true)
	c.demand = hvcall.Demand{MilliCPU: c.most(1000)}
	return c
}

// post hands f to the control loop, which then looks at the memory. It waits while the loop is behind.
func (c *control) post(f func(*control)) {
	c.events <- func(c *control) { c.due = true; f(c) }
}

// postQuick is post for what mostly concerns vCPUs only, which are served in a fraction of the time that it takes
// to look at the memory. f sets due where it does concern the memory.
func (c *control) postQuick(f func(*control)) { c.events <- f }

func (c *control) now() time.Duration { return time.Since(c.start) + 1 }

// run governs until ctx ends.
func (c *control) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer c.pause.Close()
	var wakeAt time.Duration // what is waited for; 0 = nothing is
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-c.events:
			f(c)
			c.takeAll()
		case <-timer.C:
			wakeAt = 0
		case <-c.pause.C():
			wakeAt = 0
		}
		now := c.now()
		c.due = c.due || now >= c.lookAt
		c.stepCPU(now)
		if c.due {
			c.due = false
			now = c.now()
			c.lookAt = now + c.step(now)
			c.watchUse(now)
		}
		// Waking too early is harmless. To set the time anew with each word that comes is not: to set a vCPU's timer is work for its host.
		if next := min(c.lookAt, now+c.tickCPU(now)); wakeAt == 0 || next < wakeAt {
			wakeAt = next
			c.pause.Arm(timer, next-now)
		}
	}
}

// takeAll handles what has queued up before the one costly step that follows.
func (c *control) takeAll() {
	for {
		select {
		case f := <-c.events:
			f(c)
		default:
			return
		}
	}
}

// step reads the machine, plans and applies. It returns how long it may be until the next one.
func (c *control) step(now time.Duration) time.Duration {
	r, err := c.m.read(c.balance.Said())
	if err != nil {
		c.log.Error("machine not read", "err", err)
		return tickQuiet
	}
	c.lastRead = r
	c.pace.looked(now, r)
	plan := c.balance.Step(now, r)
	c.keepGate(now, plan.Limit, r)
	c.allowed = plan.Limit + c.pulse.given
	c.applyLimit(c.allowed, r)
	c.settle(c.allowed)
	c.tellHost(now, plan)
	c.tellApp(plan)
	c.refuse(now)
	return c.tick(now)
}

// tick is how long it may be until the next look at the memory.
func (c *control) tick(now time.Duration) time.Duration {
	calm := c.pace.calm(now)
	switch {
	case c.lastRead.Stalled:
		return tickStalled
	case c.late.askedAt != 0: // the next word may be urgent
		return tickOutside
	case c.app == nil && (c.marks != marksSet && !calm || c.pace.hurries(now)):
		return tickOutside
	case calm:
		return tickCalm
	}
	return tickQuiet
}

func (c *control) applyLimit(limit int64, r Reading) {
	if d := limit - c.limit; d > -worthTelling && d < worthTelling {
		if !r.Stalled || r.Charged > c.limit-worthTelling {
			return
		}
		// There is room, and yet a thread waits: the limit was raised between its failure and its
		// sleep. Only a limit that rises wakes it, if by no more than a page.
		limit = max(limit, c.limit+pageSize)
	}
	if err := c.m.setLimit(limit); err != nil {
		// EBUSY: it uses more than that. It was asked for less; the next step tries again.
		c.log.Debug("limit not set", "limit", limit, "err", err)
		return
	}
	c.limit = limit
}

// settle notes the newest grant as applied once the application has no more than it says. For a
// smaller grant that is when the kernel took the lower limit: the host unplugs on our word.
func (c *control) settle(limit int64) {
	if c.cpu.settled() && !c.cpu.starting && c.limit < limit+worthTelling {
		c.applied = c.grant.Serial
	}
}

// shutdown asks the application to end and ends it when the time is over.
func (c *control) shutdown(most time.Duration) {
	c.killedBy.shutdown = true
	if app, ok := c.app.(endable); ok {
		// Beside the loop, since an answer may never come, and before the signal, so that whoever hears that knows how long he has.
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), tellEndWithin)
			defer cancel()
			err := within(ctx, func(ctx context.Context) error { return app.AskShutdown(ctx, hvcall.Shutdown{Within: most}) })
			if err != nil {
				c.log.Debug("application not told how long it has", "err", err)
			}
			c.terminate()
		}()
	} else {
		c.terminate()
	}
	time.AfterFunc(most, func() {
		if err := c.m.signal(unix.SIGKILL); err != nil {
			c.log.Debug("shutdown", "err", err) // it is gone already
		}
	})
}

// tellEndWithin is how long an application may take to hear how long it has.
const tellEndWithin = 200 * time.Millisecond

// endable is an application that can be told how long it has.
type endable interface {
	AskShutdown(context.Context, hvcall.Shutdown) error
}

func (c *control) terminate() {
	if err := c.m.signal(unix.SIGTERM); err != nil {
		c.log.Warn("shutdown", "err", err)
	}
}
