package vmm

import (
	"context"
	"slices"
	"time"

	"github.com/silo-os/silo/host/vmm/qmp"
)

// exitGrace is how long QEMU may live on without its monitor. Ending, it closes its
// connections only after it has given back all memory, and is gone soon after.
const exitGrace = 5 * time.Second

// watch follows the machine from its start to its end.
func (vm *VM) watch() {
	if vm.cfg.Detached != nil {
		go vm.trim()
	}
	var seen ending
	if vm.attached { // what it said before somebody listened is lost
		vm.checkStuck(&seen)
	}
	for event := range vm.monitor.Events() {
		vm.observe(event, &seen)
	}
	if !vm.endsWithin(exitGrace) && !vm.killed.Load() {
		seen.monitor = vm.monitor.Err()
		vm.cfg.logger().Error("qemu's monitor failed, killing qemu", "pid", vm.PID(), "cause", seen.monitor)
	}
	stop(vm.proc)
	<-vm.drained
	vm.monitor.Close()
	seen.killed = vm.killed.Load()
	status, known := vm.proc.status()
	seen.status, seen.unseen = status, !known
	vm.conclude(seen)
}

func (vm *VM) endsWithin(grace time.Duration) bool {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-vm.proc.ended():
		return true
	case <-timer.C:
		return false
	}
}

// conclude publishes the end.
func (vm *VM) conclude(seen ending) {
	lines := vm.ConsoleTail()
	cause, detail := seen.cause(lines)
	vm.exit = &ExitError{
		Cause: cause, Detail: detail, Status: seen.status,
		Stderr: vm.proc.words(), Console: lines,
	}
	vm.cfg.logger().Info("vm ended", "name", vm.cfg.name(), "pid", vm.PID(), "how", vm.exit.Error())
	close(vm.done)
}

// observe notes what an event says about the end.
func (vm *VM) observe(event qmp.Event, seen *ending) {
	switch event.Name {
	case "GUEST_PANICKED":
		seen.panicked = true
	case "SHUTDOWN":
		var data shutdownEvent
		if err := event.Decode(&data); err == nil {
			seen.shutdown = &data
		}
	case "MIGRATION":
		select {
		case vm.migrated <- struct{}{}:
		default:
		}
	case "STOP":
		vm.checkStuck(seen)
	}
}

// checkStuck ends a machine that cannot go on.
func (vm *VM) checkStuck(seen *ending) {
	if state := vm.stuckState(); state != "" {
		seen.hung = state
		_ = vm.proc.kill() // its end follows in any case
	}
}

// stuckStates are run states that nothing leads out of.
var stuckStates = []string{"internal-error", "io-error", "guest-panicked"}

// stuckState asks why the machine stopped. The accelerator stops it for good when it meets
// something it cannot emulate, and QEMU lives on.
func (vm *VM) stuckState() string {
	ctx, cancel := context.WithTimeout(context.Background(), exitGrace)
	defer cancel()
	var status struct {
		Status string `json:"status"`
	}
	err := vm.monitor.Execute(ctx, "query-status", nil, &status)
	if err != nil || !slices.Contains(stuckStates, status.Status) {
		return ""
	}
	return status.Status
}
