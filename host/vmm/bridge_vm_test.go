package vmm_test

import (
	"errors"
	"testing"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/bridge/tap"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/nettest"
)

// TestBridgeLeavesNothing: a machine on a bridge leaves no device there, nor does one that cannot start.
func TestBridgeLeavesNothing(t *testing.T) {
	n := nettest.New(t)
	at, err := bridge.Parse("bridge=br0,ip=10.77.0.40/24")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t)
	cfg.Bridge = &at
	var vm *vmm.VM
	n.A.Do(func() { vm, err = vmm.Start(within(t), cfg) })
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	talk(t, vm)
	if err := vm.Close(); err != nil {
		t.Error(err)
	}
	cfg.Kernel = "testdata/init/main.go" // no kernel
	var failed *vmm.StartError
	n.A.Do(func() { _, err = vmm.Start(within(t), cfg) })
	if !errors.As(err, &failed) {
		t.Errorf("without a kernel: %v", err)
	}
	absent := at
	absent.Bridge = "br9"
	cfg = config(t)
	cfg.Bridge = &absent
	n.A.Do(func() { _, err = vmm.Start(within(t), cfg) })
	if !errors.As(err, new(*tap.Error)) {
		t.Errorf("without a bridge: %v", err)
	}
	if left, err := n.A.Taps("silo"); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}
