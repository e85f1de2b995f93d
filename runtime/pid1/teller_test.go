package pid1

import (
	"context"
	"errors"
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
	near, file, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.FileConn(file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	app := newTeller(hvcall.NewConn(near, hvcall.Config{}), slog.New(slog.DiscardHandler))
	defer app.Close()
	go app.run()
	go app.Serve(context.Background(), func(context.Context, hvcall.Frame) ([]byte, error) { return nil, nil })
	const last = 20000
	said := make(chan struct{})
	go func() {
		defer close(said)
		for i := range uint64(last + 1) {
			app.SendGrant(hvcall.Grant{Serial: i, Memory: mib, MilliCPU: 1000})
			app.SendSteal(hvcall.Steal{Taken: uint32(i % 1000)})
		}
	}()
	select {
	case <-said:
	case <-time.After(30 * time.Second):
		t.Fatal("who tells waits for who does not read")
	}
	grants := make(chan uint64, 2*last)
	conn := hvcall.NewConn(far, hvcall.Config{})
	defer conn.Close()
	go conn.Serve(context.Background(), func(_ context.Context, f hvcall.Frame) ([]byte, error) {
		if f.Op == hvcall.OpGrant {
			g, err := hvcall.DecodeGrant(f.Payload)
			grants <- g.Serial
			return nil, err
		}
		return nil, nil
	})
	n := 0
	for newest := uint64(0); newest != last; n++ {
		select {
		case serial := <-grants:
			if serial < newest {
				t.Fatalf("grant %d came behind grant %d", serial, newest)
			}
			newest = serial
		case <-time.After(30 * time.Second):
			t.Fatalf("the newest grant heard is %d, of %d", newest, last)
		}
	}
	if n > last/10 {
		t.Errorf("%d grants heard, of %d: old ones are kept", n, last)
	}
	// It reads, and says so: from then on nothing goes the long way round.
	if _, err := app.RoundTrip(t.Context()); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); !app.fits(func() {}, func() {}); time.Sleep(time.Millisecond) { // the last word may still be on its way
		if time.Since(begin) > 30*time.Second {
			t.Fatal("who reads everything is not told at once")
		}
	}
}

// TestTellerTrustsWhoSaysThatItReads: by the grant that the application has applied.
func TestTellerTrustsWhoSaysThatItReads(t *testing.T) {
	app := newTeller(nil, slog.New(slog.DiscardHandler))
	for serial := range uint64(10 * unreadMost) {
		if !app.fits(func() { app.said = serial }, func() {}) {
			t.Fatalf("grant %d is not said at once", serial)
		}
		app.took(serial - serial%16)
	}
	for app.unread < unreadMost {
		app.fits(func() {}, func() {})
	}
	if app.took(app.said - 1); app.unread != unreadMost {
		t.Error("who has applied an older grant is taken for one that has read everything")
	}
	if app.fits(func() {}, func() {}) {
		t.Error("more is written at once than is known to be read")
	}
	if app.took(app.said); app.unread != 0 {
		t.Error("who has applied the newest grant is not taken for one that has read it")
	}
}

// TestWithin: a call that is not read ends with its context.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := hvcall.Pipe()
		app := hvcall.NewConn(near, hvcall.Config{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := within(ctx, func(ctx context.Context) error { return app.AskShutdown(ctx, hvcall.Shutdown{}) })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		app.Close()
		far.Close()
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
