package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/silo-os/silo/host/broker/sim"
)

// The bars of the broker benchmark.
var (
	brokerStep       = Bar{"broker.step_us", 200, Lower, "µs"}
	brokerMemory     = Bar{"broker.memory_mb", 100, Lower, "MB"}
	brokerGrowth     = Bar{"broker.growth", 1, Lower, "of n log n"}
	brokerSatisfied  = Bar{"broker.satisfied", 0.95, Higher, "of optimum"}
	brokerJain       = Bar{"broker.jain", 0.95, Higher, ""}
	brokerViolations = Bar{"broker.violations", 0, Lower, ""}
	brokerLiar       = Bar{"broker.liar", 1, Lower, "of honest"}
)

// BrokerPolicy measures what the broker's steps cost, with guests at rest, and how well it divides memory among simulated
// guests, beside what a host would give that knows all needs beforehand.
func BrokerPolicy(ctx context.Context, cfg Config) ([]Result, error) {
	costs, err := brokerCosts(ctx, cfg)
	if err != nil {
		return nil, err
	}
	worlds, err := brokerWorlds(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return append(costs, worlds...), nil
}

const (
	worldGuests = 400
	worldTime   = 3 * time.Minute // virtual
	leastSteps  = 1_000_000       // that must be checked, of all worlds together
)

// worldPressures are the mean needs as a part of what there is: from plenty to far too little.
var worldPressures = []float64{0.7, 0.9, 1, 1.2, 1.5}

// worldFigures are what the worlds showed, one figure each but for the counts.
type worldFigures struct {
	satisfied, jain, liar []float64
	broken                []float64 // 1 = an invariant was broken, or an honest guest was killed
	steps, kills          int
	first                 error // the first broken invariant
}

// brokerWorlds runs the worlds, every step checked, and makes the bars. In the worlds with room for all nobody need be
// kept from hoarding, so what liars hold counts where there is too little.
func brokerWorlds(ctx context.Context, cfg Config) ([]Result, error) {
	var f worldFigures
	for i, pressure := range worldPressures {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w := sim.New(sim.Config{Guests: worldGuests, Seed: uint64(i + 1), Pressure: pressure, Specs: sim.HostileMix()})
		start := time.Now()
		err := w.Run(worldTime)
		if err != nil && !errors.Is(err, sim.ErrBroken) {
			return nil, err
		}
		s := w.Score()
		f.add(s, pressure, err)
		fmt.Fprintf(cfg.Out, "world of %d guests at pressure %.1f: %d steps checked in %.0f s, satisfied %.3f, Jain %.3f, liars and hoarders hold %.2f of an honest guest's most, killed %v, found uncooperative %v, %d moves proposed\n",
			worldGuests, pressure, s.Steps, time.Since(start).Seconds(), s.Satisfied, s.Jain, s.Hoarded(), s.Kills, s.Found, s.Moves)
	}
	return f.judge()
}

func (f *worldFigures) add(s sim.Score, pressure float64, err error) {
	f.satisfied, f.jain = append(f.satisfied, s.Satisfied), append(f.jain, s.Jain)
	if pressure > 1 {
		f.liar = append(f.liar, s.Hoarded())
	}
	broken := float64(s.Kills[sim.Honest])
	if err != nil {
		broken++
		if f.first == nil {
			f.first = err
		}
	}
	f.broken = append(f.broken, broken)
	f.steps += s.Steps
	for _, n := range s.Kills {
		f.kills += n
	}
}

// judge makes the bars. The worst world counts.
func (f *worldFigures) judge() ([]Result, error) {
	if f.steps < leastSteps && f.first == nil {
		return nil, fmt.Errorf("measure %s: only %d steps", brokerViolations.Name, f.steps)
	}
	note := fmt.Sprintf("%d steps, each checked in full; a killed honest guest counts too; %d hostile guests were killed", f.steps, f.kills)
	if f.first != nil {
		note += ": " + f.first.Error()
	}
	var c collected
	c.add(brokerSatisfied.With(Quantile(f.satisfied, 0), f.satisfied,
		"the worst world; one guest in ten is hostile; the optimum is reckoned from what honest guests state and others really need"))
	c.add(brokerJain.With(Quantile(f.jain, 0), f.jain, "the worst world; of what honest guests got of the optimum"))
	c.add(brokerViolations.With(sum(f.broken), f.broken, note))
	c.add(brokerLiar.With(Quantile(f.liar, 1), f.liar, "the worst world with too little for all: memory held in the end, liars or hoarders by honest guests that can use all they get"))
	return c.results, c.err
}

// collected are results until the first that cannot be made.
type collected struct {
	results []Result
	err     error
}

func (c *collected) add(r Result, err error) {
	if c.results = append(c.results, r); c.err == nil {
		c.err = err
	}
}
