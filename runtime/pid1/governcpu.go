package pid1

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/sched"
)

// stepCPU brings vCPUs where they are wanted and granted, and says what is wanted.
func (c *control) stepCPU(now time.Duration) {
	milli := c.cpuWanted(now)
	c.moveVCPUs(now)
	c.askCrowd(now)
	c.tellWidth()
	if !c.due && c.demand.Revision > 0 { // the last look at the memory holds
		c.settle(c.allowed)
		c.tellUsage(now)
	}
	if more := milli > c.demand.MilliCPU; milli != c.demand.MilliCPU && c.demand.Revision > 0 { // the first demand waits for the memory's half
		c.demand.Revision++
		c.demand.MilliCPU, c.demand.Applied, c.demand.Reason = milli, c.applied, hvcall.ReasonRunQueue
		c.sendDemand()
		if more {
			c.seeCrowd(now)
		}
	}
}

// crowdFresh is how long it holds what is known of threads that wait.
const crowdFresh = 10 * time.Millisecond

// seeCrowd looks who waits while the host thinks about it: that takes a file for each thread.
func (c *control) seeCrowd(now time.Duration) {
	var err error
	if c.crowd, err = c.m.crowd(); err != nil {
		c.log.Debug("threads not seen", "err", err)
	}
	c.crowdAt = now
}

// spread has threads that wait run on vCPUs that were added.
func (c *control) spread(now time.Duration, from, to int) {
	if now-c.crowdAt > crowdFresh {
		c.seeCrowd(now)
	}
	if err := c.crowd.Spread(from, to); err != nil {
		c.log.Debug("threads not moved", "err", err) // the kernel does it at its ticks
	}
}

// cpuWanted is what the application says, or the run queue in its place.
func (c *control) cpuWanted(now time.Duration) uint32 {
	c.bell.step(now)
	c.cpu.ahead = c.bell.ahead
	if c.app != nil || now < c.cpu.hold { // it may yet speak, and what it does while it starts says nothing
		return c.most(c.cpu.demanded())
	}
	if wholeCPUs(c.welcome.CPU.MaxMilli) == 1 { // there is nothing to find out
		return c.cpu.wanted
	}
	s, err := c.m.schedule()
	if err != nil {
		c.log.Warn("run queue not read", "err", err)
		return c.cpu.wanted
	}
	c.pace.ran(now, s.used)
	want, _, _ := c.queue.Step(now, s.sample(c.cpu.width))
	c.cpu.wanted = c.most(uint32(want) * 1000)
	return c.cpu.wanted
}

// askCrowd has the kernel tell when the application's threads share a vCPU and one more could help. One that does not speak could not be
// told from one that needs none; for that it is looked at.
func (c *control) askCrowd(now time.Duration) {
	if c.app == nil || c.steal >= sched.Stolen { // more would only fight for a processor
		return
	}
	after, due := c.bell.ask(now, c.cpu.width, wholeCPUs(c.cpu.wanted), c.useful)
	if !due {
		return
	}
	if err := c.m.askCrowd(after); err != nil {
		c.bell.hears = false
		c.log.Error("kernel not asked for what waits: the application alone says when it needs another vCPU", "err", err)
	}
}

// watchCrowd lets the control loop hear of threads that share a vCPU.
func (g *guest) watchCrowd(c *control, k *kernel) {
	switch err := k.watchCrowd(func() { c.postQuick((*control).crowded) }); {
	case errors.Is(err, errors.ErrUnsupported):
		g.log.Debug("the application alone says when it needs another vCPU", "err", err)
	case err != nil:
		g.log.Error("the application alone says when it needs another vCPU", "err", err)
	default:
		c.postQuick(func(c *control) { c.bell.hears = true })
	}
}

// crowded takes in the kernel's word.
func (c *control) crowded() {
	most := c.useful
	if c.app == nil || c.steal >= sched.Stolen {
		most = 0 // it leads to nothing
	}
	c.bell.rang(c.now(), c.cpu.width, most)
}

// tickCPU is how long it may be until the next look at the threads of an application that does not speak: not long while it runs
// and could be given another vCPU. That it needs fewer is no hurry.
func (c *control) tickCPU(now time.Duration) time.Duration {
	if c.bell.ahead != 0 {
		return max(c.bell.until-now, 0)
	}
	if c.app != nil || c.pace.calm(now) || c.cpu.width >= wholeCPUs(c.welcome.CPU.MaxMilli) {
		return tickCalm
	}
	return tickOutside
}

func (c *control) moveVCPUs(now time.Duration) {
	from := c.cpu.width
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
		if action == vcpuWiden {
			c.spread(now, from, to)
		}
		c.usageAt = 0
	case vcpuAsk: // tellApp says so: what it is told follows the target
	}
}

// most is a number of thousandths within what the guest can ever have.
func (c *control) most(milli uint32) uint32 {
	if c.welcome.CPU.MaxMilli > 0 {
		milli = min(milli, c.welcome.CPU.MaxMilli)
	}
	return max(milli, 1)
}

// tellPinned says that the application's own setting stands, if it has one, and has no more than that asked for
// while it does not speak.
func (c *control) tellPinned(env []string) {
	for _, e := range env {
		if name, value, _ := strings.Cut(e, "="); name == "GOMAXPROCS" {
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				c.useful = min(n, c.useful)
				c.queue = sched.NewGovernor(sched.Config{Max: c.useful, Probe: true})
			}
			c.log.Info("GOMAXPROCS is set in the environment: it is left as it is, and grants change only where the application runs", "GOMAXPROCS", value)
			return
		}
	}
}
