package alloc

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPagesAreSharedAtOnce: allocations that begin together lie in one page, and none touches it before it is there.
func TestPagesAreSharedAtOnce(t *testing.T) {
	for range 50 {
		a := newTestArena(t, ArenaConfig{Max: 8 * mib})
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				b, err := a.Alloc(t.Context(), 1000+i)
				if err != nil {
					t.Error(err)
					return
				}
				b[999] = 1
				a.Free(b)
			})
		}
		all.Wait()
		if got := a.resident(t, 8*mib); got != 0 {
			t.Fatalf("%d pages resident in an empty arena", got)
		}
	}
}

// arenaOf makes an arena whose pages are granted after a delay.
func arenaOf(t *testing.T, delay time.Duration, f func(t *testing.T, a *Arena)) {
	t.Helper()
	reserveHost(t, delay, 4<<30, func(t *testing.T, agent *Agent) {
		a, err := NewArena(agent, ArenaConfig{Max: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		f(t, a)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		agent.mu.Lock()
		defer agent.mu.Unlock()
		if agent.gov.offHeap != 0 || agent.gov.admission.total() != 0 {
			t.Errorf("of a closed arena %d bytes are mapped and %d reserved", agent.gov.offHeap, agent.gov.admission.total())
		}
	})
}

// TestSharedPageIsWaitedFor: an allocation whose page another one waits for waits too, or for it alone once that one gives up.
func TestSharedPageIsWaitedFor(t *testing.T) {
	for patience, want := range map[time.Duration]struct{ from, to time.Duration }{
		time.Minute: {3 * time.Second, 5 * time.Second},
		time.Second: {time.Second, time.Second}, // there is room for one page
	} {
		arenaOf(t, 3*time.Second, func(t *testing.T, a *Arena) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			begin, ended := time.Now(), make(chan error, 1)
			go func() {
				b, err := a.Alloc(ctx, 200*mib-1000)
				a.Free(b)
				ended <- err
			}()
			synctest.Wait()
			b, err := a.Alloc(t.Context(), 100) // behind it, in its last page
			if err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(begin); waited < want.from || waited > want.to {
				t.Errorf("waited %v beside one that waits %v", waited, patience)
			}
			if err := <-ended; (err != nil) != (patience == time.Second) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one before it, which waits %v: %v", patience, err)
			}
			a.Free(b)
		})
	}
}

// TestCloseEndsAllocations: those that wait get an error, and none comes back with memory that is gone.
func TestCloseEndsAllocations(t *testing.T) {
	arenaOf(t, time.Hour, func(t *testing.T, a *Arena) {
		ended := make(chan error, 2)
		for _, n := range []int{200*mib - 1000, 100} { // one waits for the host, one for the other's page
			go func() {
				_, err := a.Alloc(t.Context(), n)
				ended <- err
			}()
			synctest.Wait()
		}
		begin := time.Now()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		for range cap(ended) {
			if err := <-ended; !errors.Is(err, ErrArenaClosed) {
				t.Errorf("ended by %v", err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("that took %v", took)
		}
	})
}
