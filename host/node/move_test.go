package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

// A guest that leaves is told, gives up what it does not want any more, and is frozen: no size is asked for until it thaws.
func TestShrinkAndFreeze(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, vm, guest := r.boot(GuestSpec{})
		r.demand(guest, 512*mib, 1000)
		time.Sleep(time.Second)
		r.demand(guest, 128*mib, 1000)
		g.Prepare(t.Context(), time.Second)
		g.Settle(t.Context())
		if now, err := vm.Plugged(t.Context()); now != 128*mib || err != nil {
			t.Errorf("shrunk to %d, %v", now, err)
		}
		if m, ok := guest.Migrates.Last(); !ok || m.Phase != hvcall.PhasePrepare || m.WithinMS != 1000 {
			t.Errorf("heard %+v", m)
		}
		held, err := g.Freeze(t.Context())
		if held != 128*mib || err != nil {
			t.Errorf("frozen at %d, %v", held, err)
		}
		asked := len(vm.Requests())
		r.demand(guest, 140*mib, 1000)
		time.Sleep(time.Second)
		if n := len(vm.Requests()); n != asked {
			t.Errorf("asked for %v while frozen", vm.Requests()[asked:])
		}
		select {
		case <-g.Burst():
			t.Error("a little more is no burst")
		default:
		}
		r.demand(guest, 512*mib, 1000)
		<-g.Burst()
		g.Thaw()
		time.Sleep(time.Second)
		if now, _ := vm.Plugged(t.Context()); now != 512*mib {
			t.Errorf("%d plugged when it stayed", now)
		}
		if m, _ := guest.Migrates.Last(); m.Phase != hvcall.PhaseCancelled {
			t.Errorf("heard %+v", m)
		}
	})
}

// One that gives back nothing is not waited for longer than is said.
func TestShrinkStubborn(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, vm, guest := r.boot(GuestSpec{})
		r.demand(guest, 512*mib, 1000)
		time.Sleep(time.Second)
		vm.Pin(400 * mib)
		r.demand(guest, 128*mib, 1000)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		g.Prepare(ctx, time.Second)
		g.Settle(ctx)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("waited for %v", took)
		}
	})
}

// A guest that wants more than it has, and says so again and again, is not waited for.
func TestHungryIsNotWaitedFor(t *testing.T) {
	inBubble(t, 256*mib, func(t *testing.T, r *rig) {
		g, _, guest := r.boot(GuestSpec{})
		r.demand(guest, 512*mib, 1000)
		time.Sleep(time.Second)
		if !g.Hungry() {
			t.Fatal("it has all that it wants")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var demands sync.WaitGroup
		demands.Go(func() {
			for more := uint64(0); ctx.Err() == nil; more++ {
				r.demand(guest, (516+4*(more%2))*mib, 1000)
				time.Sleep(50 * time.Millisecond)
			}
		})
		begun := time.Now()
		g.Prepare(ctx, time.Second)
		g.Settle(ctx)
		if took := time.Since(begun); took > 2*hungryWithin {
			t.Errorf("waited for %v", took)
		}
		if m, ok := guest.Migrates.Last(); !ok || m.WithinMS != hungryWithin.Milliseconds() {
			t.Errorf("heard %+v", m)
		}
		cancel()
		demands.Wait()
	})
}

// A device that does not come to rest is not frozen.
func TestFreezeInVain(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.latency = time.Minute
		g, _, guest := r.boot(GuestSpec{})
		r.demand(guest, 512*mib, 1000)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Freeze(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("frozen: %v", err)
		}
		g.Thaw()
	})
}

// A guest that was dropped leaves nothing in the ledger, and its name is free.
func TestExpectAndDrop(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		spec := GuestSpec{Name: "kv", Memory: Memory{Max: 512 * mib}, CPU: CPU{MaxMilli: 2000}}
		for range 2 {
			g, err := r.Expect(t.Context(), spec, 300*mib)
			if err != nil {
				t.Fatal(err)
			}
			if cfg := r.cfgs[len(r.cfgs)-1]; !cfg.Incoming || cfg.Templates != "" {
				t.Errorf("started as %+v", cfg)
			}
			if free := r.Free(); free.Memory != 724*mib {
				t.Errorf("%d MiB free with 300 reserved", free.Memory/mib)
			}
			if _, err := r.Expect(t.Context(), GuestSpec{Name: "big", Memory: Memory{Max: 1024 * mib}}, 800*mib); !errors.As(err, new(*NoRoomError)) {
				t.Errorf("more than is free: %v", err)
			}
			if err := g.Drop("did not come"); err != nil {
				t.Error(err)
			}
			if exit, err := g.Wait(); exit.Text != "did not come" || err != nil {
				t.Errorf("ended with %+v, %v", exit, err)
			}
			if s := r.State(); len(s.Guests) != 0 || r.Free() != (broker.Room{Memory: 1024 * mib, MilliCPU: 4000}) {
				t.Errorf("left: %+v", s.Guests)
			}
		}
		r.fail = errors.New("no machine")
		if _, err := r.Expect(t.Context(), spec, 300*mib); !errors.Is(err, r.fail) || len(r.State().Guests) != 0 {
			t.Errorf("without a machine: %v", err)
		}
	})
}
