package pid1

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// keepGate looks after threads at the gate: it counts their stalls, tells the application when memory comes late,
// and lets a few pages through where it stands still as a whole.
func (c *control) keepGate(now time.Duration, limit int64, r Reading) {
	c.countStall(now, r)
	if limit >= c.limit {
		c.pulse.fed()
	}
	if c.app == nil {
		return
	}
	open := c.grant.Revision < c.stated && uint64(c.balance.holds()) < c.demand.Memory
	c.late.step(now, open, limit-r.Charged, limit, r.Stalled)
	ask, give := c.pulse.step(now, r.Stalled, r.Free-r.Kept)
	if give > 0 {
		c.letThrough(give)
	}
	if ask {
		c.askBeat()
	}
}

func (c *control) countStall(now time.Duration, r Reading) {
	before := c.stalls.since
	switch began, ended := c.stalls.step(now, r.Stalled); {
	case began:
		c.log.Info("a thread waits for memory", "charged", r.Charged, "limit", c.limit, "free", r.Free)
	case ended:
		c.log.Info("memory came", "waited", c.stalls.last-before)
		c.usageAt = 0 // told at once
	}
}

func (c *control) letThrough(bytes int64) {
	if err := c.m.setLimit(c.limit + bytes); err != nil {
		c.log.Debug("gate not opened", "err", err)
		return
	}
	c.limit += bytes
	c.log.Debug("no heartbeat while a thread waits", "let through", c.pulse.given)
}

// askBeat asks the application for a heartbeat, off the loop, and posts the answer.
func (c *control) askBeat() {
	app := c.app
	go func() {
		if _, err := app.RoundTrip(context.Background()); err != nil {
			c.log.Debug("no heartbeat", "err", err) // it hung up: what it runs is waited for no more
		}
		c.postQuick(func(c *control) { c.pulse.beat(c.now()) })
	}()
}

// refuse ends an application that waits for memory which will not come.
func (c *control) refuse(now time.Duration) {
	waited := c.balance.Waited(now)
	most := time.Duration(c.welcome.RefusalMS) * time.Millisecond
	if most == 0 && c.balance.AtMaximum() {
		most = refuseAfter
	}
	if most == 0 || waited < most || c.killedBy.refused {
		return
	}
	c.killedBy.refused = true
	c.log.Error("memory refused by host", "waited", waited, "granted", c.grant.Memory, "maximum", c.welcome.Memory.Max)
	if err := c.m.signal(unix.SIGKILL); err != nil {
		c.log.Error("application not ended", "err", err)
	}
}
