package alloc

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// lateHost grants what it is told after a delay, up to a maximum.
type lateHost struct {
	agent *Agent
	delay time.Duration
	most  uint64

	stated int // used by the agent's goroutine only

	mu      sync.Mutex
	granted int
}

func (h *lateHost) state(s Statement) {
	h.stated++
	nth := h.stated
	time.AfterFunc(h.delay, func() { h.grant(nth, s) })
}

// grant answers the nth statement. A host grants in order, and what is due at the same moment comes in any.
func (h *lateHost) grant(nth int, s Statement) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if nth < h.granted {
		return
	}
	h.granted = nth
	g := hvcall.Grant{Memory: min(s.Memory, h.most)}
	if s.Memory > h.most {
		g.Limit = hvcall.LimitMaximum
	}
	now, _ := h.agent.Standing()
	h.agent.Grant(g, now.Memory == s.Memory)
}

// reserveHost runs an Agent in a bubble against a host that grants after a delay, up to a maximum.
func reserveHost(t *testing.T, delay time.Duration, most uint64, f func(t *testing.T, a *Agent)) {
	t.Helper()
	debug.FreeOSMemory() // what tests before left behind counts against the first grant
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		host := &lateHost{delay: delay, most: most}
		a := New(Config{}, nil, host.state)
		host.agent = a
		a.Grant(hvcall.Grant{Memory: 64 << 20}, true)
		done := make(chan struct{})
		// Without the hook: finalizers run outside the bubble and may not wake who is inside.
		go func() { a.govern(ctx); close(done) }()
		synctest.Wait() // its first statement is made at the same moment as those to come
		f(t, a)
		cancel()
		<-done
		time.Sleep(2 * delay) // let late grants run out
	})
}

func TestReserveWaitsForItsGrant(t *testing.T) {
	reserveHost(t, 3*time.Second, 4<<30, func(t *testing.T, a *Agent) {
		begin := time.Now()
		r, err := a.Reserve(t.Context(), 500<<20)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < 3*time.Second || waited > 5*time.Second {
			t.Errorf("waited %v for a host that takes 3s", waited)
		}
		st, _ := a.Standing()
		r.Release()
		r.Release()
		time.Sleep(10 * time.Second)
		if after, _ := a.Standing(); after.Memory+400<<20 > st.Memory {
			t.Errorf("demand %d MiB with, %d MiB without the reservation", st.Memory>>20, after.Memory>>20)
		}
	})
}

func TestReserveRefusedAtTheMaximum(t *testing.T) {
	reserveHost(t, 10*time.Millisecond, 256<<20, func(t *testing.T, a *Agent) {
		_, err := a.Reserve(t.Context(), 1<<30)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Limit != hvcall.LimitMaximum || refused.Wanted != 1<<30 || refused.Err != nil {
			t.Fatalf("got %v", err)
		}
		if _, err := a.Reserve(t.Context(), 10<<20); err != nil {
			t.Errorf("a small one after it: %v", err)
		}
		if _, err := a.Reserve(t.Context(), math.MaxInt64); !errors.As(err, &refused) || refused.Wanted != math.MaxInt64 {
			t.Errorf("more than there is, beside what is held: %v", err)
		}
	})
}

// TestSmallBehindTooLarge: at the maximum the one that can never be granted is refused, and one that waits behind it has what there is.
func TestSmallBehindTooLarge(t *testing.T) {
	g := NewGovernor(Config{})
	g.Granted(0, 256*mib, hvcall.LimitMaximum, false)
	s := Sample{GOGC: 100, Live: 10 * mib, Objects: 10 * mib, Total: 16 * mib}
	large, small, other := g.Reserve(1024*mib), g.Reserve(100*mib), g.Reserve(200*mib)
	if d := g.Step(time.Second, s); len(d.Admitted)+len(d.Refused) != 0 {
		t.Fatalf("admitted %v, refused %v, before the host has answered", d.Admitted, d.Refused)
	}
	g.Granted(2*time.Second, 256*mib, hvcall.LimitMaximum, true)
	d := g.Step(2*time.Second, s)
	if !slices.Equal(d.Admitted, []uint64{small}) || !slices.Equal(d.Refused, []uint64{large, other}) {
		t.Errorf("admitted %v, refused %v", d.Admitted, d.Refused)
	}
}

func TestReserveEndsWithItsContext(t *testing.T) {
	reserveHost(t, time.Hour, 4<<30, func(t *testing.T, a *Agent) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := a.Reserve(ctx, 1<<30)
		var refused *RefusedError
		if !errors.As(err, &refused) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		a.mu.Lock()
		left := a.gov.admission.total()
		a.mu.Unlock()
		if left != 0 {
			t.Errorf("%d bytes are still reserved", left)
		}
	})
}

// TestReservationsKeepTheirOrder: a small one behind a large one waits.
func TestReservationsKeepTheirOrder(t *testing.T) {
	var a admission
	big, small := a.ask(100), a.ask(1)
	if got := a.admit(50); len(got) != 0 {
		t.Errorf("admitted %v past the first", got)
	}
	if got := a.admit(101); len(got) != 2 || got[0] != big || got[1] != small {
		t.Errorf("admitted %v", got)
	}
	if a.leave(big) {
		t.Error("left the queue after it was admitted")
	}
	if a.ask(math.MaxInt64); len(a.admit(math.MaxInt64)) != 1 || a.total() <= 0 {
		t.Errorf("%d in all, with one of more than there is", a.total())
	}
	a.release(a.total())
	if a.total() != 0 {
		t.Errorf("%d left", a.total())
	}
}
