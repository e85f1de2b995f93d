package vmm

import (
	"context"
	"net"
	"os"

	"github.com/silo-os/silo/host/vmm/qmp"
)

// origin is where a guest's state comes from.
type origin interface {
	// attach adds to what QEMU inherits, and to how it is told.
	attach(inherit []*os.File, w Wiring) ([]*os.File, Wiring, error)
	// listen returns what is to be the host's end of the call channel in place of QEMU's own.
	listen(port net.Conn) (net.Conn, error)
	// restore brings the guest to where it is to go on, before anything of it runs.
	restore(ctx context.Context, monitor *qmp.Client) error
	// release gives back what only the start needed. It may be called more than once.
	release()
}

// boots is the origin of a guest that boots and is not saved.
type boots struct{}

func (boots) attach(inherit []*os.File, w Wiring) ([]*os.File, Wiring, error) { return inherit, w, nil }
func (boots) listen(port net.Conn) (net.Conn, error)                          { return port, nil }
func (boots) restore(context.Context, *qmp.Client) error                      { return nil }
func (boots) release()                                                        {}
