package load

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Program is the program in one of its flavours.
type Program struct {
	Out   io.Writer
	Agent bool // tell the guest's usage, for an outside poller

	// Reserve is asked before one large allocation; what it returns is called after it. nil = nobody
	// is asked.
	Reserve func(bytes int64) (release func(), err error)
}

// run is a program at work on its scenario.
type run struct {
	Program
	Scenario
	*teller
	*store
	heart heart
	busy  time.Duration // spent working, until now
	cost  Cost          // of that
	live  atomic.Int64  // live bytes, for the teller of progress
	quiet atomic.Bool   // no progress is told
}

// Run goes through the scenario.
func (p Program) Run(s Scenario) error {
	r := &run{Program: p, Scenario: s, teller: newTeller(p.Out), store: newStore()}
	play, ok := map[string]func() error{Ramp: r.ramp, Steps: r.steps, Sawtooth: r.sawtooth, Large: r.large}[s.Load]
	if !ok {
		return fmt.Errorf("run scenario: there is no load %q", s.Load)
	}
	if p.Agent {
		if err := agent(r.teller); err != nil {
			return err
		}
	}
	r.quiet.Store(true)
	go r.heart.run()
	go r.progress()
	r.say(Start, 0)
	time.Sleep(s.Idle)
	return play()
}

// progress tells once a second how far a busy program is, for runs that are cut off.
func (r *run) progress() {
	for {
		time.Sleep(time.Second)
		if !r.quiet.Load() {
			r.tell(Event{Kind: Progress, Bytes: r.live.Load(), GapMS: r.heart.gapMS()})
		}
	}
}

func (r *run) say(k Kind, bytes int64) { r.tell(r.event(k, bytes)) }

func (r *run) event(k Kind, bytes int64) Event {
	cycles, cpu := collections()
	return Event{Kind: k, Bytes: bytes, Ops: r.ops, Busy: r.busy.Seconds(), Cost: r.cost, Cycles: cycles, GCCPU: cpu, GapMS: r.heart.gapMS()}
}

// full says that all is allocated, and how fast it went, in MiB/s.
func (r *run) full(bytes int64, rate float64) {
	e := r.event(Full, bytes)
	e.Rate = rate
	r.tell(e)
}

// begin says that the program gets busy, and returns the function that says that it is no more.
func (r *run) begin() (end func()) {
	r.quiet.Store(false)
	r.say(Busy, r.store.live)
	start, before := time.Now(), costNow()
	return func() {
		r.busy += time.Since(start)
		r.cost.grow(before)
		r.quiet.Store(true)
	}
}

// breath is how long a program that is ahead of its pace sleeps.
const breath = 2 * time.Millisecond

// growTo adds values at the scenario's rate and returns the rate reached, in MiB/s.
func (r *run) growTo(top int64) float64 {
	start, from := time.Now(), r.store.live
	p := pace{rate: float64(r.Rate * mib)}
	for r.store.live < top {
		if !p.ready(time.Since(start)) {
			time.Sleep(breath)
			continue
		}
		p.spend(r.add())
		r.live.Store(r.store.live)
	}
	return float64(r.store.live-from) / mib / time.Since(start).Seconds()
}

// drop lets go of all but most bytes.
func (r *run) drop(most int64) {
	dropped := r.dropTo(most)
	r.live.Store(r.store.live)
	r.say(Dropped, dropped)
}

// finish is the silence after the last drop and the end.
func (r *run) finish() error {
	time.Sleep(r.Silent)
	r.say(Done, r.store.live)
	return nil
}
