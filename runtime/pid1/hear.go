package pid1

import "github.com/silo-os/silo/hvcall"

// hostGrant takes in a grant. An older one than the newest is dropped.
func (c *control) hostGrant(g hvcall.Grant) {
	if g.Serial <= c.grant.Serial {
		return
	}
	old := c.grant
	c.grant = g
	c.due = c.due || g.Memory != old.Memory || g.Price != old.Price || g.Limit != old.Limit ||
		(g.Revision >= c.stated && old.Revision < c.stated)
	c.balance.Granted(int64(g.Memory), g.Revision >= c.stated)
	if g.MilliCPU != c.cpu.granted && g.MilliCPU%1000 != 0 && !c.toldPart {
		// Processors that are there and yet are not all the guest's: only this says so. Once, for a word costs a
		// millisecond, and a guest that works now and then is waiting for this grant.
		c.toldPart = true
		c.log.Info("part of a vCPU granted", "vcpus", float64(g.MilliCPU)/1000)
	}
	c.cpu.granted = g.MilliCPU
}

// hostSteal passes on what the host says of time that others took.
func (c *control) hostSteal(s hvcall.Steal) {
	c.steal = s.Taken
	if c.app == nil || !c.appSteal {
		return
	}
	if err := c.app.SendSteal(s); err != nil {
		c.log.Debug("application not told", "err", err)
	}
}

// unsay forgets what a host says only when it changes, before another takes its place: that one begins with nothing said.
func (c *control) unsay() {
	if c.steal != 0 {
		c.hostSteal(hvcall.Steal{})
	}
}

// restate has everything stated to a host that may have heard nothing of it, whose newest grant has the given serial. Serials are its own:
// where its clock was set back they may be lower than those before.
func (c *control) restate(serial uint64) {
	if serial > 0 && serial < c.grant.Serial {
		c.grant.Serial, c.applied = serial-1, serial-1
	}
	c.usageAt = 0
	if c.demand.Revision == 0 {
		return
	}
	c.demand.Revision++
	c.stated = c.demand.Revision
	c.demand.Applied, c.demand.Reason = c.applied, hvcall.ReasonRestate
	c.sendDemand()
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
	if c.steal != 0 { // the host says no more of it until it changes
		c.hostSteal(hvcall.Steal{Taken: c.steal})
	}
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
	c.late = lateness{} // nobody is left to be told
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
	before := wholeCPUs(c.cpu.wanted)
	c.cpu.wanted = c.most(d.MilliCPU)
	if d.Applied >= c.told.Serial && wholeCPUs(d.MilliCPU) < wholeCPUs(old.MilliCPU) {
		// Who asks for fewer uses fewer from then on, and is to be told again when it may use more.
		c.told.MilliCPU = min(c.told.MilliCPU, uint32(wholeCPUs(d.MilliCPU))*1000)
	}
	c.bell.wanted(c.now(), wholeCPUs(c.cpu.wanted), before)
	if d.Applied >= c.told.Serial && c.cpu.acknowledged() {
		if err := c.m.setWidth(c.cpu.width); err != nil {
			c.log.Error("cpuset not set", "vcpus", c.cpu.width, "err", err)
		}
	}
}

func (c *control) appUses(u hvcall.Usage) {
	c.appUsage = u
	c.balance.AppHeld(int64(u.Application))
}
