package broker

import (
	"fmt"
	"time"
)

// Config configures a Broker. The zero value has nothing to give but is otherwise right.
type Config struct {
	Capacity Capacity
	// Block is the step, in bytes, in which a guest's device plugs memory; 0 = 4 MiB, which is
	// what Linux moves at once. At least 1 MiB.
	Block int64
	// Within is how long a guest has for a shrink that the host asks for; 0 = 2 s. A grant that was
	// not applied by then is repeated.
	Within time.Duration
	// Astray is how long a device may hold something else than was granted before there is an alarm; 0 = 5 s.
	Astray time.Duration
	// RetryLeast and RetryMost bound the waits between attempts to plug or unplug what a guest's
	// kernel would not; 0 = 250 ms and 1 minute.
	RetryLeast, RetryMost time.Duration
}

func (c Config) withDefaults() Config {
	if c.Block == 0 {
		c.Block = 4 << 20
	}
	c.Block = max(c.Block, 1<<20)
	if c.Within == 0 {
		c.Within = 2 * time.Second
	}
	if c.Astray == 0 {
		c.Astray = 5 * time.Second
	}
	if c.RetryLeast == 0 {
		c.RetryLeast = 250 * time.Millisecond
	}
	if c.RetryMost == 0 {
		c.RetryMost = time.Minute
	}
	return c
}

// Broker is the policy of one host. It is not safe for concurrent use: it has one owner.
type Broker struct {
	cfg   Config
	s     State
	index map[GuestID]*Guest // s.Guests by name

	// Of the Step under way:
	out       []Action
	free      int64 // bytes in nobody's upper end
	freeMilli int64 // thousandths that nobody holds
}

// New returns a broker without guests.
func New(cfg Config) *Broker {
	cfg = cfg.withDefaults()
	return &Broker{cfg: cfg, s: State{Capacity: cfg.Capacity}, index: make(map[GuestID]*Guest)}
}

// Step takes what happened since the last Step and returns what to do, in order. now is the time since
// some fixed moment; a time before the last one counts as the last one. Events of a batch are
// taken in order, and then one plan is made for all of them.
func (b *Broker) Step(now time.Duration, events []Event) []Action {
	b.s.Now = max(b.s.Now, now)
	b.out = nil
	for _, e := range events {
		b.take(e)
	}
	b.plan()
	return b.out
}

func (b *Broker) do(a Action) { b.out = append(b.out, a) }

func (b *Broker) note(id GuestID, format string, args ...any) {
	b.do(Note{Guest: id, Text: fmt.Sprintf(format, args...)})
}

// plan brings the world nearer to what the guests want. Whatever it leaves undone for want of
// room is done by a later plan, after the answers that make the room.
func (b *Broker) plan() {
	b.free = b.s.Capacity.usable() - b.s.upper()
	b.freeMilli = b.s.Capacity.MilliCPU - b.s.heldMilli()
	b.admit()
	b.s.Price = b.s.Price.step(b.s.Now, b.s.wants(), b.s.Capacity.usable())
	b.shareMemory()
	b.shareCPU()
	for _, g := range b.s.Guests {
		b.shrink(g)
	}
	for _, g := range b.byUrgency() {
		b.grow(g)
		b.grantCPU(g)
	}
	for _, g := range b.s.Guests {
		b.state(g)
		b.compare(g)
	}
}

// NextWake returns when Step must be called even if nothing happens, and whether it must.
func (b *Broker) NextWake() (time.Duration, bool) {
	var at time.Duration
	var ok bool
	soonest := func(r Retry) {
		// What was due by the last Step was seen to by it, or there was nothing to do.
		if r.waits(b.s.Now) && (!ok || r.At < at) {
			at, ok = r.At, true
		}
	}
	if b.s.Price.Next > b.s.Now {
		at, ok = b.s.Price.Next, true
	}
	for _, g := range b.s.Guests {
		if g.Memory.Op == 0 {
			soonest(g.Memory.Grow)
			soonest(g.Memory.Shrink)
		}
		soonest(g.Remind)
		if g.CPU.Load.Most != 0 {
			soonest(g.CPU.Load.Lift)
		}
		if a := g.Memory.Astray; a.Is && !a.Told {
			soonest(Retry{At: a.Since + b.cfg.Astray, Wait: b.cfg.Astray})
		}
	}
	return at, ok
}
