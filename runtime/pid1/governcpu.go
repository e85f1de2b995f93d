package pid1

import (
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

// cpuWanted is what the application says, or the run queue in its place.
func (c *control) cpuWanted(now time.Duration) uint32 {
	if c.app != nil || now < c.cpu.hold { // it may yet speak, and what it does while it starts says nothing
		return c.cpu.wanted
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

// tickCPU is how long it may be until the next look at the threads of an application that does not speak: not long while it runs
// and could be given another vCPU. That it needs fewer is no hurry.
func (c *control) tickCPU(now time.Duration) time.Duration {
	if c.app != nil || c.pace.calm(now) || c.cpu.width >= wholeCPUs(c.welcome.CPU.MaxMilli) {
		return tickCalm
	}
	return tickOutside
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
				c.queue = sched.NewGovernor(sched.Config{Max: min(n, wholeCPUs(c.welcome.CPU.MaxMilli)), Probe: true})
			}
			c.log.Info("GOMAXPROCS is set in the environment: it is left as it is, and grants change only where the application runs", "GOMAXPROCS", value)
			return
		}
	}
}
