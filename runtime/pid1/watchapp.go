package pid1

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

// An application that hangs is killed when it has been silent for stacksQuiet after it was asked for its stacks, and after
// stacksMost whatever it says: a dump is written word by word, which takes seconds on a slow host with many goroutines.
const (
	stacksQuiet = 3 * time.Second
	stacksMost  = 30 * time.Second
)

// watchApplication looks at the application in the ways that the host wants, until ctx ends.
func (g *guest) watchApplication(ctx context.Context, c *control) {
	if p := c.welcome.Readiness; p != nil {
		go watch{every: p.Every(), patience: p.Patience(), ask: func(ctx context.Context) error { return look(ctx, *p) },
			told: func(verdict, error) bool { // the first time is all that the host wants to know
				g.ready.Store(true)
				g.heed(g.host.SendReady())
				return false
			}}.run(ctx)
	}
	if p := c.welcome.Liveness; p != nil {
		go watch{every: p.Every(), patience: p.Patience(), ask: func(ctx context.Context) error { return look(ctx, *p) },
			served: g.ready.Load,
			told: func(v verdict, err error) bool {
				if v == nowHung {
					c.post(func(c *control) { c.hung(fmt.Sprintf("its liveness probe failed %d times: %v", p.Patience(), err)) })
				}
				return true
			}}.run(ctx)
	}
}

// guard asks an application that speaks for heartbeats, as long as it does.
func (c *control) guard(ctx context.Context, app speaker) {
	watchdog := time.Duration(c.welcome.WatchdogMS) * time.Millisecond
	if watchdog == 0 {
		return
	}
	every := watchdog / beatsIn
	go watch{every: every, patience: beatsIn, ask: func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, every)
		defer cancel()
		return within(ctx, func(ctx context.Context) error {
			_, err := app.RoundTrip(ctx)
			return err
		})
	}, served: func() bool { return true }, // it said Hello
		told: func(v verdict, err error) bool {
			if v == nowHung {
				c.post(func(c *control) {
					if c.app == app { // who hung up does not speak any more
						c.hung(fmt.Sprintf("it answered no heartbeat for %v", watchdog))
					}
				})
			}
			return true
		}}.run(ctx)
}

// hung ends an application that does not serve any more. A Go program answers SIGQUIT with the stacks of its
// goroutines, which say why. A thread that waits for memory is no reason: the gate has a time of its own. Nor is a core.
func (c *control) hung(why string) {
	if c.lastRead.Stalled || c.killedBy.shutdown || c.killedBy.hung != "" || c.dumps() {
		return
	}
	c.killedBy.hung = why
	c.log.Error("application hangs", "why", why)
	if err := c.m.signal(unix.SIGQUIT); err != nil {
		c.log.Warn("application not asked for its stacks", "err", err)
	}
	now := time.Now()
	c.killWhenQuiet(now, now, c.saidAt, c.dumps)
}

// killWhenQuiet kills an application that was asked for its stacks, once it has said all that it will. last is when its
// newest word came. Its core is a word, too, of which nothing is to be lost.
func (c *control) killWhenQuiet(asked, last time.Time, saidAt func() time.Time, dumps func() bool) {
	if dumps() {
		asked, last = time.Now(), time.Now()
	}
	if time.Since(last) < stacksQuiet && time.Since(asked) < stacksMost {
		time.AfterFunc(stacksQuiet/10, func() {
			if at := saidAt(); at.After(last) {
				last = at
			}
			c.killWhenQuiet(asked, last, saidAt, dumps)
		})
		return
	}
	if err := c.m.signal(unix.SIGKILL); err != nil {
		c.log.Debug("application not killed", "err", err) // it is gone already
	}
}

// profiled answers the host's wish for a profile of the application.
func (g *guest) profiled(ctx context.Context, payload []byte) ([]byte, error) {
	p, err := hvcall.DecodeProfile(payload)
	if err != nil {
		return nil, err
	}
	if p.Kind == hvcall.ProfileQuit {
		done := make(chan error, 1)
		if err := g.post(hvcall.OpProfile, func(c *control) { done <- c.m.signal(unix.SIGQUIT) }); err != nil {
			return nil, err
		}
		return nil, <-done
	}
	who, err := g.profiler(ctx)
	switch {
	case err != nil:
		return nil, err
	case who == nil:
		return nil, &hvcall.Fault{Op: hvcall.OpProfile, Code: hvcall.CodeUnknown,
			Text: "the application does not speak with silo: import github.com/silo-os/silo/runtime/auto, or ask with --quit, which ends it"}
	}
	return who.AskProfile(ctx, p)
}

// speaksWithin is how long after its start an application may take to speak: it may serve before that.
const speaksWithin = 10 * time.Second

// profiler returns the application, if it speaks; one that has just been started is waited for.
func (g *guest) profiler(ctx context.Context) (profiler, error) {
	type answer struct {
		who   profiler
		young bool
	}
	for {
		asked := make(chan answer, 1)
		if err := g.post(hvcall.OpProfile, func(c *control) {
			who, _ := c.app.(profiler)
			asked <- answer{who, c.now() < speaksWithin}
		}); err != nil {
			return nil, err
		}
		if a := <-asked; a.who != nil || !a.young {
			return a.who, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// profiler is an application that speaks.
type profiler interface {
	AskProfile(context.Context, hvcall.Profile) ([]byte, error)
}
