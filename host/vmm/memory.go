package vmm

import (
	"context"

	"github.com/silo-os/silo/host/vmm/internal/elastic"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// BlockSize is the step in which a guest's memory changes, bytes: virtio-mem's block size.
const BlockSize = elastic.BlockSize

// ErrSuperseded is what a Resize returns, in a *ResizeError, that a newer one has overtaken.
var ErrSuperseded = elastic.ErrSuperseded

// SizeError says that a machine cannot have the size asked for. Nothing was changed.
type SizeError = elastic.SizeError

// ResizeError says that the guest had not reached the size when waiting ended. The request
// stands: the guest may reach it later, unless another one replaces it.
type ResizeError = elastic.ResizeError

// virtioMem is QEMU's device that plugs memory.
type virtioMem struct{ monitor *qmp.Client }

// qomProperty is a property of one of QEMU's objects; without a value, as a question.
type qomProperty struct {
	Path     string `json:"path"`
	Property string `json:"property"`
	Value    any    `json:"value,omitempty"`
}

// Request sets the size that the guest's driver is to reach.
func (d virtioMem) Request(ctx context.Context, size int64) error {
	return d.monitor.Execute(ctx, "qom-set", qomProperty{elasticPath, "requested-size", size}, nil)
}

// Requested is the size that the guest's driver was last told.
func (d virtioMem) Requested(ctx context.Context) (int64, error) {
	var size int64
	err := d.monitor.Execute(ctx, "qom-get", qomProperty{Path: elasticPath, Property: "requested-size"}, &size)
	return size, err
}

// Size is what the guest's driver has plugged.
func (d virtioMem) Size(ctx context.Context) (int64, error) {
	var size int64
	err := d.monitor.Execute(ctx, "qom-get", qomProperty{Path: elasticPath, Property: "size"}, &size)
	return size, err
}
