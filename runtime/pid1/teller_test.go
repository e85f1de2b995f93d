package pid1

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestApplicationThatDoesNotRead: it stops nobody, and once it reads it learns the newest.
func TestApplicationThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := hvcall.Pipe() // without a buffer
		app := newTeller(hvcall.NewConn(near, hvcall.Config{}), slog.New(slog.DiscardHandler))
		go app.run()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := within(ctx, func(ctx context.Context) error { return app.AskShutdown(ctx, hvcall.Shutdown{}) }); err != context.DeadlineExceeded {
			t.Errorf("a call that is not read: %v", err)
		}
		for i := range uint64(1000) {
			if err := app.SendGrant(hvcall.Grant{Serial: i, Memory: mib, MilliCPU: 1000}); err != nil {
				t.Fatal(err)
			}
			if err := app.SendSteal(hvcall.Steal{Taken: uint32(i)}); err != nil {
				t.Fatal(err)
			}
		}
		var grant hvcall.Grant
		var steal hvcall.Steal
		conn := hvcall.NewConn(far, hvcall.Config{})
		go conn.Serve(context.Background(), func(_ context.Context, f hvcall.Frame) (_ []byte, err error) {
			switch f.Op {
			case hvcall.OpGrant:
				grant, err = hvcall.DecodeGrant(f.Payload)
			case hvcall.OpSteal:
				steal, err = hvcall.DecodeSteal(f.Payload)
			}
			return nil, err
		})
		synctest.Wait()
		if grant.Serial != 999 || steal.Taken != 999 {
			t.Errorf("told %+v, %+v in the end", grant, steal)
		}
		app.Close()
		conn.Close()
	})
}

// TestHelloAgain: it is answered, and a program that says it again and again does not have PID 1 keep a watch for each.
func TestHelloAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.welcome.WatchdogMS = 1000
		near, far := hvcall.Pipe()
		said := &countWrites{Conn: near}
		app := newTeller(hvcall.NewConn(said, hvcall.Config{}), slog.New(slog.DiscardHandler))
		g := &guest{log: slog.New(slog.DiscardHandler)}
		ctx := context.Background()
		go app.run()
		go app.Serve(ctx, func(ctx context.Context, f hvcall.Frame) ([]byte, error) { return g.fromApplication(ctx, b.c, app, f) })
		conn := hvcall.NewConn(far, hvcall.Config{})
		go conn.Serve(ctx, func(context.Context, hvcall.Frame) ([]byte, error) { return nil, nil })
		for range 10 {
			if _, err := conn.SayHello(ctx, speaksAll); err != nil {
				t.Fatal(err)
			}
		}
		said.n.Store(0)
		time.Sleep(10 * time.Second)
		if n := said.n.Load(); n < 10 || n > 2*10*beatsIn {
			t.Errorf("%d frames in 10 s, %d of them should be heartbeats", n, 10*beatsIn)
		}
		app.Close()
		conn.Close()
		synctest.Wait()
	})
}

// countWrites counts what is written to it.
type countWrites struct {
	net.Conn
	n atomic.Int32
}

func (c *countWrites) Write(b []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(b)
}

// TestAnotherHost: it has said nothing of steal, and its grants have numbers of their own.
func TestAnotherHost(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.wide(t)
		b.c.post(func(c *control) { c.hostSteal(hvcall.Steal{Taken: 400}) })
		b.c.post(func(c *control) { c.grant.Serial, c.applied = 1000, 1000 })
		b.c.post((*control).unsay)
		b.c.post(func(c *control) { c.restate(7) })
		synctest.Wait()
		if n := len(b.app.steals); n == 0 || b.app.steals[n-1].Taken != 0 {
			t.Errorf("heard %+v of steal", b.app.steals)
		}
		if d := b.host.lastDemand(); d.Applied >= 7 || d.Reason != hvcall.ReasonRestate {
			t.Errorf("restated %+v", d)
		}
		b.c.post(func(c *control) {
			c.hostGrant(hvcall.Grant{Serial: 7, Revision: c.demand.Revision, Memory: c.grant.Memory, MilliCPU: 1000})
		})
		time.Sleep(time.Second)
		if g := b.app.lastGrant(); g.MilliCPU != 1000 {
			t.Errorf("its grant came to %+v", g)
		}
	})
}

// TestFewerAndMoreAtOnce: a program that gave a vCPU up and wants it back at once uses one until it is told that it may use two,
// which does not wait for the next look at the memory.
func TestFewerAndMoreAtOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.wide(t)
		told := b.app.lastGrant()
		say := func(c *control, milli uint32) {
			c.appDemand(hvcall.Demand{Revision: c.balance.app.Revision + 1, Memory: 20 * mib, MilliCPU: milli, Applied: told.Serial})
		}
		b.c.postQuick(func(c *control) { say(c, 1000); say(c, 2000) })
		synctest.Wait()
		if g := b.app.lastGrant(); g.MilliCPU != 2000 || g.Serial <= told.Serial {
			t.Errorf("told %+v, and before %+v", g, told)
		}
	})
}
