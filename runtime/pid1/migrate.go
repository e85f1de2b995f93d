package pid1

import (
	"context"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// hearAtMost bounds what the application may take over being told of something that it has nothing to do about.
const hearAtMost = time.Second

// migrate takes in how far the guest's move to another host is, and returns when the application has done its part.
func (g *guest) migrate(ctx context.Context, m hvcall.Migrate) error {
	most := hearAtMost
	if m.Phase == hvcall.PhasePrepare {
		most = m.Within()
	}
	answer := make(chan *hvcall.Network, 1)
	var app speaker
	if err := g.post(hvcall.OpMigrate, func(c *control) { c.due = true; app = c.app; answer <- c.welcome.Network }); err != nil {
		return err
	}
	network := <-answer
	if m.Phase == hvcall.PhaseArrived {
		g.arrived(m, network)
	}
	if app == nil {
		return nil // it does not speak: it is governed from outside, here as there
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	// Seed and clock are for the first process.
	tell := hvcall.Migrate{Phase: m.Phase, WithinMS: m.WithinMS}
	if err := within(ctx, func(ctx context.Context) error { return app.TellMigrate(ctx, tell) }); err != nil {
		g.log.Info("application not told of the move", "phase", m.Phase, "err", err)
	}
	return g.post(hvcall.OpMigrate, func(c *control) { c.due = true })
}

// arrived makes the guest one of its new host. All else follows from the Hello that it says there.
func (g *guest) arrived(m hvcall.Migrate, n *hvcall.Network) {
	if err := announce(n); err != nil {
		g.log.Error("not announced on the new host", "err", err)
	}
	if err := reseed("/dev/urandom", m.Seed); err != nil {
		g.log.Error("not seeded anew on the new host", "err", err)
	}
	if err := setClock(m.UnixNanos); err != nil {
		g.log.Error("clock not set on the new host", "err", err)
	}
	g.log.Info("moved to another host")
}
