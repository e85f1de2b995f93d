package pid1

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

func signalsOf(b *bench) []unix.Signal {
	_, _, signals := b.m.now()
	return signals
}

// TestHungIsAskedForItsStacksFirst: and killed when it does not go; once, however often it is found.
func TestHungIsAskedForItsStacksFirst(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.hung("silent"); c.hung("silent still") })
		synctest.Wait()
		if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGQUIT}) || b.c.killedBy.hung != "silent" {
			t.Errorf("at once: %v, %q", got, b.c.killedBy.hung)
		}
		time.Sleep(stacksQuiet + time.Second)
		if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGQUIT, unix.SIGKILL}) {
			t.Errorf("then: %v", got)
		}
	})
}

// TestStacksAreHeardOut: who still says what its goroutines do has time, but not for ever.
func TestStacksAreHeardOut(t *testing.T) {
	inBubble(t, func(b *bench) {
		silent := time.Now().Add(3 * stacksQuiet)
		b.c.post(func(c *control) {
			c.saidAt = func() time.Time { return minTime(time.Now(), silent) }
			c.hung("silent")
		})
		time.Sleep(4*stacksQuiet - time.Second)
		if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGQUIT}) {
			t.Errorf("while it spoke and a little longer: %v", got)
		}
		time.Sleep(2 * time.Second)
		if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGQUIT, unix.SIGKILL}) {
			t.Errorf("when it was silent: %v", got)
		}
	})
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.saidAt = time.Now; c.hung("silent") })
		time.Sleep(stacksMost + time.Second)
		if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGQUIT, unix.SIGKILL}) {
			t.Errorf("one that never stops: %v", got)
		}
	})
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// TestNobodyIsHungForGoodReasons: a thread that waits for memory, and an end that is under way.
func TestNobodyIsHungForGoodReasons(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.m.set(func(m *fakeMachine) { m.stalled = true })
		time.Sleep(time.Second)
		b.c.post(func(c *control) { c.hung("silent") })
		synctest.Wait()
		if got := signalsOf(b); len(got) > 0 {
			t.Errorf("a stalled application got %v", got)
		}
	})
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.shutdown(time.Minute); c.hung("silent") })
		synctest.Wait()
		if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGTERM}) {
			t.Errorf("one that was asked to end got %v", got)
		}
	})
}

// ender is an application that hears how long it has, or does not.
type ender struct {
	*recorder
	deaf  bool
	heard chan time.Duration
}

func (e *ender) AskShutdown(ctx context.Context, s hvcall.Shutdown) error {
	if e.deaf {
		<-ctx.Done()
		return ctx.Err()
	}
	e.heard <- s.Within
	return nil
}

// TestShutdownIsToldBeforeItIsSignalled: and signalled all the same where nobody listens.
func TestShutdownIsToldBeforeItIsSignalled(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		inBubble(t, func(b *bench) {
			app := &ender{recorder: b.app, deaf: deaf, heard: make(chan time.Duration, 1)}
			b.c.post(func(c *control) { c.appHello(app, speaksAll) })
			b.c.post(func(c *control) { c.shutdown(3 * time.Second) })
			synctest.Wait()
			if deaf {
				if got := signalsOf(b); len(got) > 0 {
					t.Errorf("%v before the application could hear", got)
				}
				time.Sleep(tellEndWithin)
				synctest.Wait()
			} else if within := <-app.heard; within != 3*time.Second {
				t.Errorf("told %v", within)
			}
			if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGTERM}) {
				t.Errorf("signals %v", got)
			}
			time.Sleep(4 * time.Second)
			if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGTERM, unix.SIGKILL}) {
				t.Errorf("then %v", got)
			}
		})
	}
}

// TestWatchdog: an application that answers is left alone, one that is silent is not.
func TestWatchdog(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		b.c.post(func(c *control) {
			c.welcome.WatchdogMS = 2000
			c.appHello(b.app, speaksAll)
			c.guard(ctx, b.app)
		})
		time.Sleep(10 * time.Second)
		if got := signalsOf(b); len(got) > 0 {
			t.Errorf("one that answers got %v", got)
		}
		still := make(chan struct{})
		b.app.set(func(r *recorder) { r.still = still })
		time.Sleep(3 * time.Second)
		if got := signalsOf(b); !slices.Equal(got, []unix.Signal{unix.SIGQUIT}) {
			t.Errorf("one that is silent got %v", got)
		}
		close(still)
	})
}
