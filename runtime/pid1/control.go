package pid1

import (
	"context"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/sched"
)

// speaker is the part of an hvcall.Conn that the control loop uses.
type speaker interface {
	SendDemand(hvcall.Demand) error
	SendGrant(hvcall.Grant) error
	SendUsage(hvcall.Usage) error
	SendSteal(hvcall.Steal) error
	RoundTrip(context.Context) (time.Duration, error)
}

const (
	tickQuiet   = 100 * time.Millisecond
	tickOutside = 20 * time.Millisecond
	tickStalled = 5 * time.Millisecond
	usageEvery  = time.Second

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

	due     bool  // the memory must be looked at now
	allowed int64 // limit that was planned at the last look at the memory, and what the gate let through
	balance Balance
	cpu     vcpus
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
	appUsage hvcall.Usage
	limit    int64
	lastRead Reading

	stalls      stalls
	late        lateness
	pulse       pulse
	usageAt     time.Duration
	toldApplied uint64 // serial in the last usage
	killedBy    killReason
}

// killReason says why this process ended the application.
type killReason struct {
	refused, shutdown bool
}

func newControl(log *slog.Logger, m machine, host speaker, w hvcall.Welcome, unmanaged int64) *control {
	c := &control{
		log: log, m: m, host: host, welcome: w, start: time.Now(), events: make(chan func(*control), 64),
		balance: Balance{Boot: int64(w.Memory.Boot), Max: int64(w.Memory.Max), Unmanaged: unmanaged},
		queue:   sched.NewGovernor(sched.Config{Max: wholeCPUs(w.CPU.MaxMilli), Probe: true}),
		grant:   hvcall.Grant{Serial: w.Grant.Serial, Memory: w.Grant.Memory, MilliCPU: w.Grant.MilliCPU},
	}
	c.cpu = vcpus{granted: w.Grant.MilliCPU, wanted: c.most(1000), hold: startHold}
	c.balance.Granted(int64(w.Grant.Memory), true)
	c.demand = hvcall.Demand{MilliCPU: c.most(1000)}
	return c
}

// tellPinned says that the application's own setting stands, if it has one, and has no more than that asked for
// while it does not speak.
func (c *control) tellPinned(env []string) {
	for _, e := range env {
		if name, value, _ := strings.Cut(e, "="); name == "GOMAXPROCS" {
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				c.queue = sched.NewGovernor(sched.Config{Max: min(n, wholeCPUs(c.welcome.CPU.MaxMilli)), Probe: true})
			}
			c.log.Info("GOMAXPROCS is set in the environment: it is left as it is, and grants change only where the application runs", "GOMAXPROCS", value)
			return
		}
	}
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
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-c.events:
			f(c)
			c.takeAll()
		case <-timer.C:
			c.due = true
		}
		c.stepCPU(c.now())
		if c.due {
			c.due = false
			timer.Reset(c.step(c.now()))
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
	r, err := c.m.read()
	if err != nil {
		c.log.Error("machine not read", "err", err)
		return tickQuiet
	}
	c.lastRead = r
	plan := c.balance.Step(now, r)
	c.keepGate(now, plan.Limit, r)
	c.allowed = plan.Limit + c.pulse.given
	c.applyLimit(c.allowed, r)
	c.settle(c.allowed)
	c.tellHost(now, plan)
	c.tellApp(plan)
	c.refuse(now)
	switch {
	case r.Stalled:
		return tickStalled
	case c.app == nil, c.late.askedAt != 0: // the next word may be urgent
		return tickOutside
	}
	return tickQuiet
}

// stepCPU brings vCPUs where they are wanted and granted, and says what is wanted.
func (c *control) stepCPU(now time.Duration) {
	milli := c.cpuWanted(now)
	c.moveVCPUs(now)
	c.tellWidth()
	if !c.due && c.demand.Revision > 0 { // the last look at the memory holds
		c.settle(c.allowed)
		c.tellUsage(now)
	}
	if milli != c.demand.MilliCPU && c.demand.Revision > 0 { // the first demand waits for the memory's half
		c.demand.Revision++
		c.demand.MilliCPU, c.demand.Applied, c.demand.Reason = milli, c.applied, hvcall.ReasonRunQueue
		c.sendDemand()
	}
}

func (c *control) sendDemand() {
	if err := c.host.SendDemand(c.demand); err != nil {
		c.log.Error("demand not sent", "err", err)
	}
}

// tellWidth states the application's grant again where only its vCPUs changed.
func (c *control) tellWidth() {
	if c.app == nil || c.told.MilliCPU == c.cpu.usable() {
		return
	}
	g := c.told
	g.MilliCPU = c.cpu.usable()
	c.sendGrant(g)
}

func (c *control) sendGrant(g hvcall.Grant) {
	g.Serial = c.told.Serial + 1
	c.told = g
	if err := c.app.SendGrant(g); err != nil {
		c.log.Debug("application not told", "err", err)
	}
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

// cpuWanted is what the application says, or the run queue in its place.
func (c *control) cpuWanted(now time.Duration) uint32 {
	if c.app != nil {
		return c.cpu.wanted
	}
	if now < startHold { // it may yet speak, and what it does while it starts says nothing
		return c.cpu.wanted
	}
	s, err := c.m.schedule()
	if err != nil {
		c.log.Warn("run queue not read", "err", err)
		return c.cpu.wanted
	}
	want, _, _ := c.queue.Step(now, s.sample(c.cpu.width))
	c.cpu.wanted = c.most(uint32(want) * 1000)
	return c.cpu.wanted
}

func (c *control) moveVCPUs(now time.Duration) {
	action, to := c.cpu.next(now)
	switch action {
	case vcpuNothing:
	case vcpuStart:
		go func() {
			err := c.m.online(to)
			c.postQuick(func(c *control) {
				if err != nil {
					c.log.Error("vCPUs not started", "err", err)
					c.cpu.notStarted()
					return
				}
				c.cpu.started(to)
			})
		}()
	case vcpuWiden, vcpuNarrow:
		if err := c.m.setWidth(to); err != nil {
			c.log.Error("cpuset not set", "vcpus", to, "err", err)
		}
		c.usageAt = 0
	case vcpuAsk: // tellApp says so: what it is told follows the target
	}
}

// settle notes the newest grant as applied once the application has no more than it says. For a
// smaller grant that is when the kernel took the lower limit: the host unplugs on our word.
func (c *control) settle(limit int64) {
	if c.cpu.settled() && !c.cpu.starting && c.limit < limit+worthTelling {
		c.applied = c.grant.Serial
	}
}

// tellApp states the application's own grant where it changed.
func (c *control) tellApp(p Plan) {
	if c.app == nil {
		return
	}
	g := hvcall.Grant{Revision: c.answered, Memory: uint64(p.Share), Limit: c.grant.Limit, Price: c.grant.Price}
	switch {
	case c.late.now:
		g.Limit = hvcall.LimitLate
	case p.Capped && c.balance.AtMaximum():
		g.Limit = hvcall.LimitMaximum // the host was never asked for what it could not give
	}
	g.MilliCPU = c.cpu.usable()
	d := p.Share - int64(c.told.Memory)
	same := g.MilliCPU == c.told.MilliCPU && g.Revision == c.told.Revision && g.Limit == c.told.Limit && g.Price == c.told.Price
	if same && d < worthTelling && d > -worthTelling {
		return
	}
	c.sendGrant(g)
}

func (c *control) tellHost(now time.Duration, p Plan) {
	if c.grant.Revision >= c.demand.Revision {
		c.answered = c.asked
	}
	if p.State {
		c.asked = c.balance.app.Revision
	} else if c.answered == c.asked {
		// What it asks for is within what stands already.
		c.asked, c.answered = c.balance.app.Revision, c.balance.app.Revision
	}
	if p.State {
		d := p.Demand
		d.Revision = c.demand.Revision + 1
		d.MilliCPU, d.Applied = c.cpu.wanted, c.applied
		c.demand, c.stated = d, d.Revision
		c.sendDemand()
	}
	c.tellUsage(now)
}

func (c *control) tellUsage(now time.Duration) {
	if c.usageAt == 0 || now-c.usageAt >= usageEvery || c.applied != c.toldApplied {
		c.usageAt, c.toldApplied = now, c.applied
		c.sendUsage(now)
	}
}

func (c *control) sendUsage(now time.Duration) {
	st, err := c.m.oom()
	if err != nil {
		c.log.Warn("kills not counted", "err", err)
	}
	u := hvcall.Usage{
		Applied: c.applied, Total: c.grant.Memory, Free: uint64(c.lastRead.Free), Application: uint64(c.lastRead.Charged),
		Live: c.appUsage.Live, Stalls: c.stalls.count, StallNanos: uint64(c.stalls.time()), Kills: uint64(st.kills), Cycles: c.appUsage.Cycles,
		CPUNanos: c.appUsage.CPUNanos, MilliCPU: min(uint32(max(c.cpu.width, 1))*1000, max(c.cpu.granted, 1)), Online: uint32(max(c.cpu.running, 1)), GoMaxProcs: c.appUsage.GoMaxProcs,
	}
	if err := c.host.SendUsage(u); err != nil {
		c.log.Error("usage not sent", "err", err)
	}
}

// hostGrant takes in a grant. An older one than the newest is dropped.
func (c *control) hostGrant(g hvcall.Grant) {
	if g.Serial <= c.grant.Serial {
		return
	}
	old := c.grant
	c.grant = g
	c.due = c.due || g.Memory != old.Memory || g.Price != old.Price || g.Limit != old.Limit ||
		(g.Revision >= c.stated && old.Revision < c.stated)
	c.balance.Granted(int64(g.Memory), g.Revision >= c.demand.Revision)
	if g.MilliCPU != c.cpu.granted && g.MilliCPU%1000 != 0 {
		// Processors that are there and yet are not all the guest's: only this says so.
		c.log.Info("part of a vCPU granted", "vcpus", float64(g.MilliCPU)/1000)
	}
	c.cpu.granted = g.MilliCPU
}

// hostSteal passes on what the host says of time that others took.
func (c *control) hostSteal(s hvcall.Steal) {
	if c.app == nil || !c.appSteal {
		return
	}
	if err := c.app.SendSteal(s); err != nil {
		c.log.Debug("application not told", "err", err)
	}
}

// restate has everything stated to a host that may have heard nothing of it.
func (c *control) restate() {
	c.usageAt = 0
	if c.demand.Revision == 0 {
		return
	}
	c.demand.Revision++
	c.demand.Applied, c.demand.Reason = c.applied, hvcall.ReasonRestate
	if err := c.host.SendDemand(c.demand); err != nil {
		c.log.Error("demand not sent", "err", err)
	}
}

// appStarted lets the time begin in which an application may say that it speaks. It must not begin sooner: a guest
// that goes on from a template takes hundreds of milliseconds on a busy host until it has its application.
func (c *control) appStarted() {
	if c.app == nil {
		c.cpu.hold = c.now() + startHold
	}
}

// appHello makes the application a speaker and returns what it is welcomed with.
func (c *control) appHello(app speaker, h hvcall.Hello) hvcall.Welcome {
	c.app, c.appSteal = app, h.Can(hvcall.CapSteal)
	c.cpu.speaks, c.cpu.hold = true, 0
	c.told = hvcall.Grant{Serial: c.told.Serial + 1, Memory: uint64(max(c.limit, mib)), MilliCPU: min(uint32(max(c.cpu.width, 1))*1000, max(c.cpu.granted, 1))}
	return hvcall.Welcome{
		Name: c.welcome.Name, Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU},
		Memory: hvcall.MemoryBounds{Max: c.welcome.Memory.Max}, CPU: c.welcome.CPU,
		Grant: hvcall.GrantJSON{Serial: c.told.Serial, Memory: c.told.Memory, MilliCPU: c.told.MilliCPU},
	}
}

// appGone takes in that the application hung up: from then on it is governed from outside.
func (c *control) appGone() {
	c.app, c.cpu.speaks = nil, false
	c.balance.AppDemand(hvcall.Demand{})
}

// appDemand takes in what the application states. Older revisions are dropped.
func (c *control) appDemand(d hvcall.Demand) {
	if d.Revision <= c.balance.app.Revision {
		return
	}
	old := c.balance.app
	c.due = c.due || d.Memory != old.Memory || d.Floor != old.Floor || d.Urgency != old.Urgency
	c.balance.AppDemand(d)
	c.cpu.wanted = c.most(d.MilliCPU)
	if d.Applied >= c.told.Serial && c.cpu.acknowledged() {
		if err := c.m.setWidth(c.cpu.width); err != nil {
			c.log.Error("cpuset not set", "vcpus", c.cpu.width, "err", err)
		}
	}
}

// most is a number of thousandths within what the guest can ever have.
func (c *control) most(milli uint32) uint32 {
	if c.welcome.CPU.MaxMilli > 0 {
		milli = min(milli, c.welcome.CPU.MaxMilli)
	}
	return max(milli, 1)
}

func (c *control) appUses(u hvcall.Usage) {
	c.appUsage = u
	c.balance.AppHeld(int64(u.Application))
}

// shutdown asks the application to end and ends it when the time is over.
func (c *control) shutdown(within time.Duration) {
	c.killedBy.shutdown = true
	if err := c.m.signal(unix.SIGTERM); err != nil {
		c.log.Warn("shutdown", "err", err)
	}
	time.AfterFunc(within, func() {
		if err := c.m.signal(unix.SIGKILL); err != nil {
			c.log.Debug("shutdown", "err", err) // it is gone already
		}
	})
}
