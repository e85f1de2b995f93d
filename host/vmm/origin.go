package vmm

import (
	"context"
	"os"

	"github.com/silo-os/silo/host/vmm/qmp"
)

// origin is where a guest's state comes from.
type origin interface {
	// attach adds what QEMU inherits to its connections, and says how it is told.
	attach(l *links) (inherit []*os.File, w Wiring, err error)
	// restore brings the guest to where it is to go on, before anything of it runs.
	restore(ctx context.Context, monitor *qmp.Client) error
	// release gives back what only the start needed. It may be called more than once.
	release()
}

// boots is the origin of a guest that boots and is not saved.
type boots struct{}

func (boots) attach(l *links) ([]*os.File, Wiring, error) { return l.inherit, wiring, nil }
func (boots) restore(context.Context, *qmp.Client) error  { return nil }
func (boots) release()                                    {}
