package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

// granted waits for a grant of memory and returns it.
func granted(t *testing.T, g *hvcalltest.Guest, memory uint64) hvcall.Grant {
	t.Helper()
	got, err := g.Grants.Wait(t.Context(), func(n hvcall.Grant) bool { return n.Memory == memory })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGrowsAndShrinks(t *testing.T) {
	inBubble(t, 4096*mib, func(t *testing.T, r *rig) {
		_, vm, guest := r.boot(GuestSpec{})
		start := time.Now()
		r.demand(guest, 640*mib, 2000)
		if n, err := guest.Grants.Wait(t.Context(), func(n hvcall.Grant) bool { return n.MilliCPU == 2000 }); err != nil || n.Memory != 64*mib || time.Since(start) != 0 {
			t.Errorf("vCPUs need no waiting: %+v after %v, %v", n, time.Since(start), err)
		}
		n := granted(t, guest, 640*mib)
		if took := time.Since(start); n.Revision != 1 || n.Limit != hvcall.LimitNone || took < r.latency || took > 2*r.latency {
			t.Errorf("%+v after %v", n, took)
		}
		if plugged, err := vm.Plugged(t.Context()); err != nil || plugged != 640*mib {
			t.Errorf("plugged %d, %v", plugged, err)
		}
		r.demand(guest, 100*mib, 1000)
		n = granted(t, guest, 100*mib)
		if plugged, err := vm.Plugged(t.Context()); err != nil || plugged != 100*mib && n.Revision == 2 {
			t.Errorf("plugged %d, %v", plugged, err)
		}
	})
}

// TestNewestSizeWins: a demand that comes while the one before is being met does not wait for it.
func TestNewestSizeWins(t *testing.T) {
	inBubble(t, 4096*mib, func(t *testing.T, r *rig) {
		r.latency = 500 * time.Millisecond
		_, vm, guest := r.boot(GuestSpec{})
		start := time.Now()
		r.demand(guest, 512*mib, 1000)
		time.Sleep(100 * time.Millisecond)
		r.demand(guest, 1024*mib, 1000)
		granted(t, guest, 1024*mib)
		if took := time.Since(start); took < 600*time.Millisecond || took > 620*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if want := []int64{512 * mib, 1024 * mib}; !slices.Equal(vm.Requests(), want) {
			t.Errorf("requests %v", vm.Requests())
		}
	})
}

// TestPartialPlug: what the guest's kernel takes is granted at once, with the reason why not more.
func TestPartialPlug(t *testing.T) {
	inBubble(t, 4096*mib, func(t *testing.T, r *rig) {
		g, vm, guest := r.boot(GuestSpec{})
		vm.Cap(256 * mib)
		start := time.Now()
		r.demand(guest, 512*mib, 1000)
		if n := granted(t, guest, 256*mib); time.Since(start) > lookAfter || n.Revision != 0 {
			t.Errorf("after %v: %+v", time.Since(start), n)
		}
		if n, err := guest.Grants.Wait(t.Context(), func(n hvcall.Grant) bool { return n.Limit == hvcall.LimitPlug }); err != nil || n.Memory != 256*mib || n.Revision != 1 {
			t.Errorf("%+v, %v", n, err)
		}
		vm.Cap(0)
		granted(t, guest, 512*mib)
		if o := g.Observe(); o.Plugged != 512*mib || o.Limit != hvcall.LimitNone {
			t.Errorf("%+v", o)
		}
	})
}

// TestBrokenDevice: a device that fails is asked again ever less often, and works once it is well.
func TestBrokenDevice(t *testing.T) {
	inBubble(t, 4096*mib, func(t *testing.T, r *rig) {
		g, vm, guest := r.boot(GuestSpec{})
		vm.FailMemory(errors.New("boom"))
		r.demand(guest, 512*mib, 1000)
		time.Sleep(10 * time.Second)
		if o := g.Observe(); o.Fault == "" || o.Limit != hvcall.LimitPlug || o.Granted != 64*mib {
			t.Errorf("%+v", o)
		}
		if s := r.State(); s.LastOp > 20 {
			t.Errorf("asked %d times in 10 s", s.LastOp)
		}
		vm.FailMemory(nil)
		granted(t, guest, 512*mib)
	})
}

// TestReclaim moves memory from one guest to another that comes later.
func TestReclaim(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		_, _, a := r.boot(GuestSpec{Name: "a"})
		r.demand(a, 960*mib, 1000)
		granted(t, a, 960*mib)
		_, _, b := r.boot(GuestSpec{Name: "b"})
		r.demand(b, 960*mib, 1000)
		n := granted(t, b, 512*mib)
		if n.Limit != hvcall.LimitHost {
			t.Errorf("%+v", n)
		}
		if a.Holding().Memory != 512*mib {
			t.Errorf("holds %+v", a.Holding())
		}
	})
}

// TestPriceIsTold: when two guests want more than there is, both hear of a price though nothing else happens, and
// of its end.
func TestPriceIsTold(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		_, _, a := r.boot(GuestSpec{Name: "a"})
		_, _, b := r.boot(GuestSpec{Name: "b"})
		r.demand(a, 800*mib, 1000)
		r.demand(b, 800*mib, 1000)
		start := time.Now()
		for _, g := range []*hvcalltest.Guest{a, b} {
			if _, err := g.Grants.Wait(t.Context(), func(n hvcall.Grant) bool { return n.Price > 1<<20 }); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		r.demand(a, 64*mib, 1000)
		r.demand(b, 64*mib, 1000)
		time.Sleep(20 * time.Second)
		for _, g := range []*hvcalltest.Guest{a, b} {
			if n, _ := g.Grants.Last(); n.Price != 0 {
				t.Errorf("twenty seconds later %+v", n)
			}
		}
		if p := r.State().Price; p.Next != 0 {
			t.Errorf("the price is not at rest: %+v", p)
		}
	})
}

// TestGrantsWaitForTheFirstDemand: PID 1 can take no grant before it has started the application.
func TestGrantsWaitForTheFirstDemand(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		_, _, a := r.boot(GuestSpec{})
		time.Sleep(time.Minute)
		if a.Grants.Len() != 0 {
			t.Errorf("heard %+v", a.Grants.All())
		}
		r.demand(a, 64*mib, 1000)
		synctest.Wait()
		if n, ok := a.Grants.Last(); !ok || n.Revision != 1 {
			t.Errorf("%+v, %v", n, ok)
		}
	})
}

// TestDeafGuest: a guest that does not read holds up nobody else, and is given up in time.
func TestDeafGuest(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.raw = true
		deaf, err := r.Start(t.Context(), GuestSpec{Name: "deaf"})
		if err != nil {
			t.Fatal(err)
		}
		r.raw = false
		vm, _ := r.last()
		port := vm.GuestPort()
		hello := hvcall.Frame{Header: hvcall.Header{Op: hvcall.OpHello, Flags: hvcall.FlagCall, Seq: 1}, Payload: hvcall.Hello{Role: hvcall.RolePID1}.Encode()}
		port.Write(hvcall.AppendFrame(nil, hello))
		if _, err := hvcall.ReadFrame(port, hvcall.DefaultMaxFrame); err != nil {
			t.Fatal(err)
		}
		demand := hvcall.Frame{Header: hvcall.Header{Op: hvcall.OpDemand}, Payload: hvcall.Demand{Revision: 1, Memory: 128 * mib}.AppendTo(nil)}
		port.Write(hvcall.AppendFrame(nil, demand))
		synctest.Wait() // its grant is being written and will never be read

		start := time.Now()
		_, _, other := r.boot(GuestSpec{Name: "other"})
		r.demand(other, 512*mib, 1000)
		granted(t, other, 512*mib)
		if took := time.Since(start); took > 50*time.Millisecond {
			t.Errorf("another guest waited %v", took)
		}
		e, err := deaf.Wait()
		if err != nil || e.Cause != hvcall.CauseHost || !strings.Contains(e.Text, "call channel") || time.Since(start) < stuckAfter {
			t.Errorf("after %v: %+v, %v", time.Since(start), e, err)
		}
	})
}

func TestAdmission(t *testing.T) {
	inBubble(t, 256*mib, func(t *testing.T, r *rig) {
		var refused *RefusedError
		if _, err := r.Start(t.Context(), GuestSpec{Memory: Memory{Min: 512 * mib}}); !errors.As(err, &refused) {
			t.Errorf("too large: %v", err)
		}
		_, _, a := r.boot(GuestSpec{Name: "a"})
		r.demand(a, 256*mib, 1000)
		granted(t, a, 256*mib)
		a.SetManner(hvcalltest.Manner{Delay: time.Second})
		start := time.Now()
		if _, err := r.Start(t.Context(), GuestSpec{Name: "b"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < time.Second || took > time.Second+50*time.Millisecond {
			t.Errorf("started after %v, the room came after 1s", took)
		}
	})
}

// TestRefusingGuest: a guest that does not give back what another one waits for is killed in the end, and its Exit says why.
func TestRefusingGuest(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.manner = stubborn
		refusing, _, a := r.boot(GuestSpec{Name: "refusing"})
		r.demand(a, 960*mib, 1000)
		granted(t, a, 960*mib)
		r.manner = hvcalltest.Manner{}
		_, _, b := r.boot(GuestSpec{Name: "waits"})
		if _, err := b.Demand(hvcall.Demand{Memory: 512 * mib, MilliCPU: 1000, Urgency: hvcall.UrgencyStalled}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		exit, err := refusing.Wait()
		if err != nil || exit.Code != CodeKilled || !strings.Contains(exit.Text, "owes 320 MiB that others need") {
			t.Errorf("%+v, %v", exit, err)
		}
		if took := time.Since(start); took < 30*time.Second || took > time.Minute {
			t.Errorf("after %v", took)
		}
		granted(t, b, 512*mib)
	})
}

// TestIdleIsTaxed: of two guests that want the same, the one that says it uses little ends with less.
func TestIdleIsTaxed(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		idle, vm, a := r.boot(GuestSpec{Name: "idle"})
		busy, vm2, b := r.boot(GuestSpec{Name: "busy"})
		vm.SetResident(1024 * mib) // both touched all they hold
		vm2.SetResident(1024 * mib)
		r.demand(a, 1024*mib, 1000)
		r.demand(b, 1024*mib, 1000)
		for range 40 {
			time.Sleep(500 * time.Millisecond)
			for _, g := range []struct {
				guest *hvcalltest.Guest
				of    *Guest
				free  uint64
			}{{a, idle, 400 * mib}, {b, busy, 0}} {
				u := hvcall.Usage{Applied: g.guest.Holding().Serial, Total: uint64(g.of.Observe().Granted), Free: g.free}
				if err := g.guest.Conn().SendUsage(u); err != nil {
					t.Fatal(err)
				}
			}
		}
		if x, y := idle.Observe().Granted, busy.Observe().Granted; x > y/2 {
			t.Errorf("the idle one has %d MiB, the busy one %d MiB", x>>20, y>>20)
		}
	})
}
