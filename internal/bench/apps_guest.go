package bench

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
)

// appSubject is a server that is measured, with what it is measured in.
type appSubject struct {
	app
	stockHost
	image   *images.Image
	archive string // that the stock kernel boots
}

// appGuest is a guest with the server in it.
type appGuest struct {
	addr  string
	said  *listener // what it wrote last, for errors
	gone  <-chan struct{}
	close func() error
}

// boot is what silo's guest has at boot, bytes.
func (s appSubject) boot() int64 { return max(64<<20, node.LeastMemory(s.image.InitramfsPath())) }

// startSilo starts the server as `silo run` does.
func (s appSubject) startSilo(ctx context.Context) (*appGuest, error) {
	n, err := node.New(node.Config{})
	if err != nil {
		return nil, err
	}
	said := newListener("\x00")
	g, err := n.Start(ctx, node.GuestSpec{
		Kernel: s.image.KernelPath(), Initramfs: s.image.InitramfsPath(), Args: s.args,
		Memory: node.Memory{Min: s.boot(), Max: appsMemory}, CPU: node.CPU{MinMilli: 1000, MaxMilli: 1000 * appsVCPUs},
		Ports: []vmm.Forward{{GuestPort: s.port}}, Stdout: said, Stderr: said,
	})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return &appGuest{addr: g.Forwards()[0].HostAddr(), said: said, gone: g.Done(), close: n.Close}, nil
}

// stockAppCmdline is what the stock kernel is told. Its console says only what is wrong.
const stockAppCmdline = "console=ttyS0 loglevel=1 panic=-1 swiotlb=noforce"

// startStock starts it on the same machine with all memory there at once.
func (s appSubject) startStock(ctx context.Context) (*appGuest, error) {
	forwards, err := vmm.ChoosePorts(ctx, []vmm.Forward{{GuestPort: s.port}})
	if err != nil {
		return nil, err
	}
	args := vmm.Config{Name: "stock", Accel: s.accel, Kernel: s.stock, Initramfs: s.archive, BootMemory: appsMemory, MaxMemory: appsMemory,
		VCPUs: appsVCPUs, Forwards: forwards}.Args(vmm.Wiring{QMP: 3})
	args[slices.Index(args, "-append")+1] = strings.Join(append([]string{stockAppCmdline, "--"}, s.args...), " ")
	said := newListener("\x00")
	q, err := startQEMU(ctx, args, nil, said)
	if err != nil {
		return nil, err
	}
	return &appGuest{addr: forwards[0].HostAddr(), said: said, gone: q.ended, close: q.Close}, nil
}
