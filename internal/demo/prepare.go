package demo

import (
	"context"
	"fmt"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// prepare brings the machine, the records and the image to where the run can begin.
func prepare(ctx context.Context, cfg Config) (p prepared, err error) {
	machine := devsetup.Machine(cfg.Out)
	if err := devsetup.Ensure(ctx, machine, devsetup.VM, devsetup.Kernel, devsetup.Redis); err != nil {
		return p, err
	}
	if p.records, err = indexOf(ctx, machine); err != nil {
		return p, err
	}
	fmt.Fprintf(cfg.Out, "package index: %d records\n", len(p.records))
	p.image, err = images.Build(ctx, images.Config{Package: "./examples/kv", Dir: cfg.Dir, Progress: cfg.Out})
	if err != nil {
		return p, err
	}
	if p.accel, err = vmm.ProbeAccel(ctx, vmm.ProbeConfig{}); err != nil {
		return p, err
	}
	fmt.Fprintf(cfg.Out, "image: %s\naccelerator: %s\n", p.image.Dir, p.accel)
	return p, nil
}

// indexOf reads the package index; a machine that never fetched one does so first.
func indexOf(ctx context.Context, machine devsetup.System) ([]Record, error) {
	records, err := packageIndex(ctx)
	if err != nil && machine.Root() {
		if err := devsetup.Update(ctx, machine); err != nil {
			return nil, err
		}
		records, err = packageIndex(ctx)
	}
	return records, err
}
