package broker

import (
	"fmt"
	"slices"
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
	// ShrinkRate is what a guest that owes memory must give back, in bytes per second, to count as
	// cooperative; 0 = 4 MiB/s.
	ShrinkRate int64
	// KillAfter is how long a guest that was found uncooperative may hold what others need before it is
	// killed; 0 = 30 s, negative = for ever.
	KillAfter time.Duration
	// MoveAfter is for how long the wants must exceed the watermark before a guest to move is named, at most, and
	// the least time between two such proposals; 0 = 10 s.
	MoveAfter time.Duration
}

func (c Config) withDefaults() Config {
	if c.Block == 0 {
		c.Block = 4 << 20
	}
	c.Block = max(c.Block, 1<<20)
	c.Capacity = c.Capacity.normal()
	orDefault(&c.Within, 2*time.Second)
	orDefault(&c.Astray, 5*time.Second)
	orDefault(&c.RetryLeast, 250*time.Millisecond)
	orDefault(&c.RetryMost, time.Minute)
	orDefault(&c.ShrinkRate, 4<<20)
	orDefault(&c.KillAfter, 30*time.Second)
	orDefault(&c.MoveAfter, 10*time.Second)
	return c
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Broker is the policy of one host. It is not safe for concurrent use: it has one owner.
//
// A step costs what it changes: sums are kept and not added up, the plan looks only at members that something
// happened to, whose share became another or whose time has come, and those who wait for
// room stand in queues. Only finding the level of the shares, where there is not enough for all, passes over all
// members, in a dense array.
type Broker struct {
	cfg     Config
	s       State // all but Guests
	index   map[GuestID]*member
	members []*member // oldest first

	weights   int64    // of all members, and
	weighed   Capacity // what there was, when it was last worked out what counts of their wants
	sum       tally
	memory    division  // in blocks above boot memory
	cpu       division  // in thousandths
	scarceCPU bool      // less than all want
	timers    queue     // by their next moment
	hungry    queue     // want more memory and could take it if there were room
	waitCPU   queue     // have less than their share of vCPUs
	waiting   []*member // to boot, oldest first
	touched   []*member // to be looked at by the next plan

	// Of the Step under way:
	out       []Action
	free      int64 // bytes in nobody's upper end
	freeMilli int64 // thousandths that nobody holds
	held      int64 // bytes in all upper ends when the step began
	heldMilli int64 // thousandths held when the plan began
}

// New returns a broker without guests.
func New(cfg Config) *Broker {
	cfg = cfg.withDefaults()
	b := &Broker{cfg: cfg, s: State{Capacity: cfg.Capacity}, index: make(map[GuestID]*member)}
	b.cpu.shares.whole, b.cpu.floors.whole = oneCPU, oneCPU
	b.timers = queue{before: func(x, y *member) bool { return x.wake.at < y.wake.at }, place: func(g *member) *int { return &g.due }}
	b.hungry = queue{before: byUrgency, place: func(g *member) *int { return &g.hungry }}
	b.waitCPU = queue{before: byUrgency, place: func(g *member) *int { return &g.waitCPU }}
	return b
}

// Restore returns a broker that knows what another one knew when it was dumped. cfg.Capacity does not count:
// the dump has it. What happened in between must be told as events; a [Resize] that was under way and that nobody will
// answer any more is a [ResizeFailed].
func Restore(cfg Config, s State) *Broker {
	b := New(cfg)
	guests := s.Guests
	s.Guests = nil
	b.s = s
	for _, g := range guests {
		b.join(*g.clone())
	}
	return b
}

// Step takes what happened since the last Step and returns what to do, in order. now is the time since
// some fixed moment; a time before the last one counts as the last one. Events of a batch are
// taken in order, and then one plan is made for all of them.
func (b *Broker) Step(now time.Duration, events []Event) []Action {
	b.s.Now = max(b.s.Now, now)
	b.out, b.held = nil, b.sum.upper
	for _, e := range events {
		b.take(e)
	}
	b.heldMilli = b.sum.milli // a guest that works again holds again what was lent
	b.wakeDue()
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
	b.weigh()
	for _, g := range b.touched {
		b.seize(g)
		b.lift(g)
		b.pardon(g)
	}
	b.free = b.s.Capacity.usable() - b.sum.upper
	b.freeMilli = b.s.Capacity.MilliCPU - b.sum.milli
	b.admit()
	before := b.s.Price.Told
	if b.s.Price = b.s.Price.step(b.s.Now, b.sum.wants, b.s.Capacity.usable()); b.s.Price.Told != before {
		b.touchAll()
	}
	for _, g := range b.touched {
		b.judgeOwing(g)
	}
	b.shareMemory()
	b.shareCPU()
	slices.SortFunc(b.touched, byAge)
	for _, g := range b.touched {
		b.judgeOwing(g)
		b.shrink(g)
	}
	b.growAll()
	b.grantCPUs()
	slices.SortFunc(b.touched, byAge)
	for _, g := range b.touched {
		b.state(g)
		b.watchBurst(g)
		b.compare(g)
		b.sentence(g)
		b.account(g)
		b.arm(g)
		g.touched = false
	}
	b.touched = b.touched[:0]
	b.watch()
}
