package pid1

import (
	"time"

	"github.com/silo-os/silo/hvcall"
)

// tellApp states the application's own grant where it changed.
func (c *control) tellApp(p Plan) {
	if c.app == nil {
		return
	}
	g := hvcall.Grant{Revision: c.answered, Limit: c.grant.Limit, Price: c.grant.Price, MilliCPU: c.cpu.usable()}
	least := int64(worthTelling)
	switch {
	case c.late.now:
		g.Limit = hvcall.LimitLate
		if c.told.Limit == g.Limit {
			least = lateTelling
		}
	case p.Capped && c.balance.AtMaximum():
		g.Limit = hvcall.LimitMaximum // the host was never asked for what it could not give
	}
	g.Memory = uint64(p.Share)
	if d := p.Share - int64(c.told.Memory); d < least && d > -least {
		g.Memory = c.told.Memory
	}
	if g.Serial = c.told.Serial; g != c.told {
		c.sendGrant(g)
	}
}

func (c *control) tellHost(now time.Duration, p Plan) {
	if c.grant.Revision >= c.stated {
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
		d.MilliCPU, d.Applied = c.most(c.cpu.demanded()), c.applied
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

// tellWidth states the application's grant again where only its vCPUs changed.
func (c *control) tellWidth() {
	if c.app == nil || c.told.MilliCPU == c.cpu.usable() {
		return
	}
	g := c.told
	g.MilliCPU = c.cpu.usable()
	c.sendGrant(g)
}

func (c *control) sendDemand() {
	if err := c.host.SendDemand(c.demand); err != nil {
		c.log.Error("demand not sent", "err", err)
	}
}

func (c *control) sendGrant(g hvcall.Grant) {
	g.Serial = c.told.Serial + 1
	c.told = g
	if err := c.app.SendGrant(g); err != nil {
		c.log.Debug("application not told", "err", err)
	}
}
