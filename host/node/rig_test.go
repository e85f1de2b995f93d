package node

import (
	"context"
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

const mib = 1 << 20

// stubborn guests never shrink.
var stubborn = hvcalltest.Manner{RefuseShrink: true}

// rig is a node whose machines are fakes with a fake guest in each.
type rig struct {
	*Node
	t       *testing.T
	latency time.Duration // of plugging
	manner  hvcalltest.Manner
	raw     bool // the test itself speaks for the guest

	mu     sync.Mutex
	vms    []*vmmtest.VM
	guests []*hvcalltest.Guest
	cfgs   []vmm.Config
	fail   error // what the next launches fail with

	doing func() (vmm.Doing, error) // what the next machines say that they do; nil = they do not say

	shares   []*fakeShare
	shareErr error // what the next shares fail with
}

// inBubble runs f with a rig inside a synctest bubble; the bubble fails the test if a goroutine is left.
func inBubble(t *testing.T, capacity int64, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, latency: 10 * time.Millisecond}
		n, err := New(Config{Capacity: broker.Capacity{Memory: capacity, MilliCPU: 4000}, Launch: r.launch, Hold: r.hold})
		if err != nil {
			t.Fatal(err)
		}
		r.Node = n
		defer func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, r)
	})
}

func (r *rig) launch(_ context.Context, cfg vmm.Config) (vmm.Machine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	vm := vmmtest.New(vmmtest.Config{BootMemory: cfg.BootMemory, MaxMemory: cfg.MaxMemory, VCPUs: cfg.VCPUs,
		Latency: func(int64, int64) time.Duration { return r.latency }})
	g := hvcalltest.NewGuest(vm.GuestPort(), hvcalltest.GuestConfig{Manner: r.manner})
	if !r.raw {
		go g.Serve(context.Background()) // it ends when the machine closes the port
	}
	r.vms, r.guests, r.cfgs = append(r.vms, vm), append(r.guests, g), append(r.cfgs, cfg)
	if r.doing != nil {
		return doingVM{vm, r.doing}, nil
	}
	return vm, nil
}

func (r *rig) hold(int, []int) Share {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shares = append(r.shares, &fakeShare{err: r.shareErr})
	return r.shares[len(r.shares)-1]
}

// lastShare returns the share of the newest machine.
func (r *rig) lastShare() *fakeShare {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shares[len(r.shares)-1]
}

// last returns what the newest launch made.
func (r *rig) last() (*vmmtest.VM, *hvcalltest.Guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.vms[len(r.vms)-1], r.guests[len(r.guests)-1]
}

// boot starts a guest of 64 MiB to 1 GiB and has it say Hello.
func (r *rig) boot(spec GuestSpec) (*Guest, *vmmtest.VM, *hvcalltest.Guest) {
	r.t.Helper()
	if spec.Memory.Max == 0 {
		spec.Memory.Max = 1024 * mib
	}
	if spec.CPU.MaxMilli == 0 {
		spec.CPU.MaxMilli = 2000
	}
	g, err := r.Start(r.t.Context(), spec)
	if err != nil {
		r.t.Fatal(err)
	}
	vm, guest := r.last()
	if _, err := guest.SayHello(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return g, vm, guest
}

// demand has a guest state a demand.
func (r *rig) demand(g *hvcalltest.Guest, memory uint64, milli uint32) {
	r.t.Helper()
	if _, err := g.Demand(hvcall.Demand{Memory: memory, MilliCPU: milli, Reason: hvcall.ReasonForecast}); err != nil {
		r.t.Fatal(err)
	}
}

// powerOff ends a machine as a guest does that shuts down.
func powerOff(vm *vmmtest.VM) { vm.End(vmm.ExitError{Cause: vmm.CauseGuestShutdown}) }
