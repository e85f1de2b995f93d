package bench

import (
	"context"
	"path/filepath"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/devsetup"
)

// stockHost is what a guest of the distribution's kernel is started with, beside silo's own.
type stockHost struct {
	accel        string
	stock        string // path of the distribution's kernel
	stockPackage string
	dir          string // for archives that it boots
}

// findStockHost finds an accelerator that works, and gets the kernel where it is not there yet.
func findStockHost(ctx context.Context, machine devsetup.System) (h stockHost, err error) {
	if h.accel, err = vmm.ProbeAccel(ctx, vmm.ProbeConfig{}); err != nil {
		return h, err
	}
	cache, err := cacheDir()
	if err != nil {
		return h, err
	}
	h.dir = filepath.Join(cache, "stock")
	h.stock, h.stockPackage, err = stockKernel(ctx, machine, h.dir)
	return h, err
}
