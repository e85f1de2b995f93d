package vmm

import "context"

// Doing is what a machine does.
type Doing string

// What a machine may do.
const (
	Runs   Doing = "runs"
	Copies Doing = "copies" // runs, or almost stands still, and is being copied
	Still  Doing = "still"  // stands still behind a copy that is whole
	Came   Doing = "came"   // stands still and came in once: it did not run yet, or nothing of it has been copied on
	Waits  Doing = "waits"  // for a guest to come in
)

// Doing says what the machine does now.
func (vm *VM) Doing(ctx context.Context) (Doing, error) {
	var now struct{ Status string }
	if err := vm.monitor.Execute(ctx, "query-status", nil, &now); err != nil {
		return "", vm.explain(err)
	}
	switch now.Status {
	case "inmigrate":
		return Waits, nil
	case "postmigrate":
		return Still, nil
	case "finish-migrate":
		return Copies, nil
	}
	m, err := vm.migration(ctx)
	switch {
	case now.Status == "paused" && m.Status == "completed":
		return Came, err
	case now.Status == "paused": // to be copied, whether that was begun or not
		return Copies, err
	}
	switch m.Status {
	case "setup", "active", "device", "cancelling", "pre-switchover":
		return Copies, err
	}
	return Runs, err
}
