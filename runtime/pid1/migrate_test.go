package pid1

import (
	"context"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// The application hears of a move from the host, without what is for the first process; before there is an application, and
// without one that speaks, there is nobody to tell.
func TestMoveIsPassedOn(t *testing.T) {
	inBubble(t, func(b *bench) {
		g := &guest{log: b.c.log, control: make(chan *control, 1)}
		prepare := hvcall.Migrate{Phase: hvcall.PhasePrepare, WithinMS: 500}
		if err := g.migrate(context.Background(), prepare); err == nil {
			t.Error("told before there is an application")
		}
		g.control <- b.c
		if err := g.migrate(context.Background(), prepare); err != nil || len(b.app.moves) != 0 {
			t.Errorf("an application that does not speak: %v, %v", err, b.app.moves)
		}
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		time.Sleep(time.Second)
		for _, m := range []hvcall.Migrate{prepare, {Phase: hvcall.PhaseCancelled}} {
			if err := g.migrate(context.Background(), m); err != nil {
				t.Error(err)
			}
		}
		if n := len(b.app.moves); n != 2 || b.app.moves[0].Phase != hvcall.PhasePrepare || b.app.moves[0].WithinMS != 500 {
			t.Errorf("told %+v", b.app.moves)
		}
	})
}
