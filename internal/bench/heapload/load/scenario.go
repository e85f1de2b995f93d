package load

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// Names of the loads.
const (
	Ramp     = "ramp"     // grow at a rate, drop everything, fall silent
	Steps    = "steps"    // up by 256 MiB three times and down again
	Sawtooth = "sawtooth" // grow under work, drop to little, idle, again
	Large    = "large"    // one allocation at once
)

// Scenario is one run of the program.
type Scenario struct {
	Load   string
	Rate   int64         // of growth, MiB/s; 0 = as fast as it goes
	Top    int64         // live data at most, MiB
	Idle   time.Duration // before it begins
	Silent time.Duration // after the last drop
}

// Args are the program's arguments for the scenario.
func (s Scenario) Args() []string {
	return []string{"-load", s.Load, "-rate", fmt.Sprint(s.Rate), "-top", fmt.Sprint(s.Top),
		"-idle", s.Idle.String(), "-silent", s.Silent.String()}
}

// Parse reads what Args wrote.
func Parse(args []string) (s Scenario, err error) {
	f := flag.NewFlagSet("heapload", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the error says it
	f.StringVar(&s.Load, "load", "", "ramp, steps, sawtooth or large")
	f.Int64Var(&s.Rate, "rate", 0, "of growth, MiB/s")
	f.Int64Var(&s.Top, "top", 1024, "live data at most, MiB")
	f.DurationVar(&s.Idle, "idle", time.Second, "before it begins")
	f.DurationVar(&s.Silent, "silent", 5*time.Second, "after the last drop")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if s.Top <= 0 || s.Rate < 0 {
		return s, fmt.Errorf("read scenario: top %d and rate %d MiB: both must be positive", s.Top, s.Rate)
	}
	return s, nil
}

// What the loads are made of besides their scenario.
const (
	stepSize = 256 * mib
	stepHold = 2500 * time.Millisecond

	teeth      = 4
	toothBusy  = 5 * time.Second // of which the last fifth is at the top
	toothIdle  = 2 * time.Second
	toothFloor = 32 * mib

	largeHold = 2 * time.Second
)

// Nominal is how long the scenario takes where nothing holds it up.
func (s Scenario) Nominal() time.Duration {
	d := s.Idle + s.Silent
	grow := time.Duration(0)
	if s.Rate > 0 {
		grow = time.Duration(s.Top) * time.Second / time.Duration(s.Rate)
	}
	switch s.Load {
	case Ramp:
		d += grow
	case Steps:
		d += grow + 2*time.Duration(s.Top*mib/stepSize)*stepHold
	case Sawtooth:
		d += teeth * (toothBusy + toothIdle)
	case Large:
		d += largeHold
	}
	return d
}
