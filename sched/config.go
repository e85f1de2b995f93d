package sched

import (
	"io"
	"time"
)

// Config tunes a Governor and its Agent. The zero value is right.
type Config struct {
	Max    int           // most vCPUs ever to ask for; 0 = 1
	Rise   time.Duration // how long goroutines must have waited, all together, before more is asked; 0 = 8 ms
	Settle time.Duration // how long vCPUs must be spare before fewer are asked; 0 = 2 s
	Pace   time.Duration // least time between two changes; 0 = 100 ms

	// Probe has one vCPU more tried for a while when all there are are busy: for programs that size themselves by
	// what they have, and are only seen from outside.
	Probe bool

	// Guest says that the program runs in a guest, whose host pays for each time that it wakes: while it sleeps the
	// agent waits with a timer of the kernel's.
	Guest bool

	// Each, if not nil, is called with each look at the scheduler, from the goroutine that looks. Timers
	// are served between any two goroutines, where a busy program asks the network only each 10 ms: who waits for
	// an answer there can look for it here. It must not wait.
	Each func()

	// After, if not nil, is called behind each look likewise. Who is made to run by it was not seen waiting.
	After func()

	// Calm, if not nil, reports whether the program has the memory it asked for. To stop the world is to wait for whoever waits for
	// memory: what can be put off is, until then.
	Calm func() bool

	Trace io.Writer // gets each sample as a line of JSON; nil = none
}

func (c Config) withDefaults() Config {
	if c.Max == 0 {
		c.Max = 1
	}
	if c.Rise == 0 {
		c.Rise = 8 * time.Millisecond
	}
	if c.Settle == 0 {
		c.Settle = 2 * time.Second
	}
	if c.Pace == 0 {
		c.Pace = 100 * time.Millisecond
	}
	return c
}
