package pid1

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// TestMarks: an application that grows passes one before it has used up half of the room it has.
func TestMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.Int64Range(0, 1<<40).Draw(t, "most")
		marks := marksUpTo(most)
		if len(marks) > 160 {
			t.Fatalf("%d marks: each is work at the start", len(marks))
		}
		last := int64(2 * markLeast)
		for i, m := range marks {
			if m%pageSize != 0 || m >= most || i > 0 && (m <= last || m-last > max(outsideRoom, last/4)/2) {
				t.Fatalf("mark %d is %d behind %d, of %d at most", i, m, last, most)
			}
			last = m
		}
		if len(marks) > 0 && most-last > max(markLeast, last/markShare) {
			t.Fatalf("no mark from %d to %d", last, most)
		}
	})
}

// TestSilentApplicationIsSeenToGrow: at once, although it is looked at ten times a second.
func TestSilentApplicationIsSeenToGrow(t *testing.T) {
	inBubble(t, func(b *bench) {
		time.Sleep(time.Second + 3*time.Millisecond)
		b.m.charge(30 * mib)
		synctest.Wait()
		if d := b.host.lastDemand(); d.Memory < (10+30+8)*mib {
			t.Errorf("stated %d MiB the moment it held 30", d.Memory>>20)
		}
		if n := looks(b, 500*time.Millisecond); n > 6 {
			t.Errorf("%d looks in half a second", n)
		}
	})
}

// TestUseIsNotWatched: a kernel that refuses it has the application looked at as often as before; one that speaks needs none.
func TestUseIsNotWatched(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.m.set(func(m *fakeMachine) { m.watchErr = errors.New("refused") })
		time.Sleep(500 * time.Millisecond)
		if n := looks(b, 400*time.Millisecond); n < 18 {
			t.Errorf("%d looks in 400 ms", n)
		}
	})
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.appHello(b.app, speaksAll) })
		b.c.post(func(c *control) { c.appDemand(hvcall.Demand{Revision: 1, Memory: 20 * mib, MilliCPU: 1000}) })
		time.Sleep(time.Second)
		b.m.set(func(m *fakeMachine) {
			if m.marks != nil {
				t.Errorf("%d marks for an application that speaks", len(m.marks))
			}
		})
		b.c.post((*control).appGone)
		time.Sleep(time.Second)
		b.m.set(func(m *fakeMachine) {
			if m.marks == nil {
				t.Error("no marks for one that does no longer")
			}
		})
	})
}

// TestThreadsAreLookedAtWhileThereIsMoreToGive: often while a vCPU could be added, not at all where there is but one.
func TestThreadsAreLookedAtWhileThereIsMoreToGive(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.post(func(c *control) { c.welcome.CPU.MaxMilli = 1000 })
		b.m.set(func(m *fakeMachine) { m.queue = 1 })
		time.Sleep(2 * time.Second)
		b.m.set(func(m *fakeMachine) {
			if !m.readAt.IsZero() {
				t.Error("the threads of a guest of one vCPU were looked at")
			}
		})
	})
	inBubble(t, func(b *bench) {
		b.m.set(func(m *fakeMachine) { m.queue, m.width = 1, 1 })
		time.Sleep(2 * time.Second)
		for range 10 {
			time.Sleep(tickOutside)
			b.m.set(func(m *fakeMachine) {
				if late := time.Since(m.readAt); late > tickOutside {
					t.Errorf("the threads were looked at %v ago", late)
				}
			})
		}
	})
}
