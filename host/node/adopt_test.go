package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

// adopt has a rig take over a machine in the middle of something, and returns it with its guest, which has not spoken yet.
func (r *rig) adopt(spec GuestSpec, plugged, requested int64) (*Guest, *vmmtest.VM, *hvcalltest.Guest) {
	r.t.Helper()
	vm, err := r.launch(r.t.Context(), vmm.Config{BootMemory: 64 * mib, MaxMemory: 1024 * mib, VCPUs: 2})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := vm.Resize(r.t.Context(), plugged); err != nil {
		r.t.Fatal(err)
	}
	spec.Memory, spec.CPU = Memory{Min: 64 * mib, Max: 1024 * mib}, CPU{MaxMilli: 2000}
	g, err := r.Adopt(r.t.Context(), spec, Running{Machine: vm, Plugged: plugged, Requested: requested, Started: time.Now()})
	if err != nil {
		r.t.Fatal(err)
	}
	fake, guest := r.last()
	return g, fake, guest
}

// TestAdoptMany: a guest that speaks at once is granted nothing that another holds which is adopted after it.
func TestAdoptMany(t *testing.T) {
	inBubble(t, 600*mib, func(t *testing.T, r *rig) {
		var guests []*Guest
		for _, name := range []string{"a", "b"} {
			g, _, guest := r.adopt(GuestSpec{Name: name}, 256*mib, 256*mib)
			guests = append(guests, g)
			go func() {
				if _, err := guest.SayHello(context.Background()); err == nil {
					guest.Demand(hvcall.Demand{Memory: 1024 * mib, Floor: 1024 * mib, Urgency: hvcall.UrgencyStalled, MilliCPU: 1000})
				}
			}()
			synctest.Wait()
		}
		for _, g := range guests {
			g.Resume()
			synctest.Wait()
		}
		for range 100 {
			time.Sleep(50 * time.Millisecond)
			var upper int64
			for _, g := range r.State().Guests {
				upper += g.Memory.Upper
			}
			if upper > 600*mib {
				t.Fatalf("%d MiB are in the ledger", upper/mib)
			}
		}
	})
}

// TestAdopt: what a guest holds is in the ledger before it speaks; then it keeps it, and is granted more as any other.
func TestAdopt(t *testing.T) {
	inBubble(t, 600*mib, func(t *testing.T, r *rig) {
		g, _, guest := r.adopt(GuestSpec{Name: "a"}, 256*mib, 512*mib)
		g.Resume()
		if m := r.State().Guests[0].Memory; m.Firm != 256*mib || m.Upper != 512*mib {
			t.Errorf("ledger: %+v", m)
		}
		if _, err := guest.Demand(hvcall.Demand{Memory: 1}); err != nil { // as it did before
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // it is not ended for being silent
		if _, err := guest.SayHello(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.demand(guest, 560*mib, 1000)
		granted(t, guest, 560*mib)
		g.Kill()
		<-g.Done()
		if n := len(r.State().Guests); n != 0 {
			t.Errorf("%d guests are left", n)
		}
	})
}

// TestSetBounds: bounds that can be guaranteed hold from then on, and others change nothing.
func TestSetBounds(t *testing.T) {
	inBubble(t, 512*mib, func(t *testing.T, r *rig) {
		g, _, guest := r.boot(GuestSpec{Name: "a"})
		r.demand(guest, 400*mib, 1000)
		granted(t, guest, 400*mib)
		to := g.Bounds()
		to.Max, to.Weight = 256*mib, 7
		if err := g.SetBounds(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if b := g.Bounds(); b.Max != 256*mib || b.Weight != 7 {
			t.Errorf("%+v", b)
		}
		granted(t, guest, 256*mib)
		to.Min, to.Max = 768*mib, 768*mib
		if err := g.SetBounds(t.Context(), to); !errors.As(err, new(*BoundsError)) {
			t.Errorf("guaranteed more than there is: %v", err)
		}
		for _, bad := range []broker.Bounds{{Max: 2048 * mib}, {MaxMilli: 3000}} {
			if err := g.SetBounds(t.Context(), bad); !errors.As(err, new(*SpecError)) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		g.Kill()
		<-g.Done()
		if err := g.SetBounds(t.Context(), broker.Bounds{}); !errors.Is(err, errEnded) {
			t.Errorf("after its end: %v", err)
		}
	})
}

// TestLimitFollows: what is enforced is never below what the device was asked for, and falls once that is given back.
func TestLimitFollows(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		var limits []int64
		_, vm, guest := r.boot(GuestSpec{Limit: func(n int64) {
			mu.Lock()
			defer mu.Unlock()
			limits = append(limits, n)
		}})
		seen := func() []int64 {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(limits)
		}
		if got := seen(); len(got) == 0 || got[0] != 64*mib {
			t.Fatalf("before the machine ran: %d", got)
		}
		r.demand(guest, 512*mib, 1000)
		granted(t, guest, 512*mib)
		if asked := slices.Max(vm.Requests()); slices.Max(seen()) < asked {
			t.Errorf("limits %d, the device was asked for %d", seen(), asked)
		}
		r.demand(guest, 128*mib, 1000)
		granted(t, guest, 128*mib)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := seen(); got[len(got)-1] != 128*mib {
			t.Errorf("in the end: %d", got)
		}
	})
}
