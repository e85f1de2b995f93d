package vmm_test

import (
	"testing"

	"github.com/silo-os/silo/host/vmm"
)

// The balloon takes memory from the guest's kernel and gives it back.
func TestBalloon(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.BootMemory, cfg.MaxMemory = 256*mib, 256*mib
	vm := start(t, cfg)
	g := talk(t, vm)
	before := memory(g)
	if now, err := vm.Balloon(within(t), 128*mib); now != 128*mib || err != nil {
		t.Fatalf("inflate: %d, %v", now, err)
	}
	if got := memory(g); got > before-120*mib {
		t.Errorf("the guest has %d of %d bytes with half its memory in the balloon", got, before)
	}
	if now, err := vm.Balloon(within(t), 256*mib); now != 256*mib || err != nil {
		t.Fatalf("deflate: %d, %v", now, err)
	}
	awaitMemory(t, g, before)
}

// Whoever knows the process sees what the machine itself sees.
func TestResidentOf(t *testing.T) {
	t.Parallel()
	vm := start(t, config(t))
	g := talk(t, vm)
	if got := g.ask("touch %d", 16*mib); got != "ok" {
		t.Fatal(got)
	}
	own := resident(t, vm)
	if n, err := vmm.ResidentOf(vm.PID()); err != nil || n < own-mib || n > own+8*mib {
		t.Errorf("resident %d, seen from outside %d, %v", own, n, err)
	}
	if err := vm.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := vmm.ResidentOf(vm.PID()); err == nil {
		t.Error("an ended process holds memory")
	}
}
