package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// consoleGuest is a guest without silo's PID 1: cpuagent takes its orders on the console.
type consoleGuest struct {
	*bareQEMU
	orders io.WriteCloser
	said   *lines
}

// sysfsArgs is silo's own machine and kernel with another first process.
func (s cpuSubject) sysfsArgs() []string {
	return vmm.Config{Name: "sysfs", Accel: s.accel, Kernel: s.image.KernelPath(), Initramfs: s.archive,
		BootMemory: cpuMemory, MaxMemory: cpuMemory, VCPUs: 2, Network: vmm.NetworkNone, Cmdline: []string{"--", "sysfs"}}.Args(vmm.Wiring{QMP: 3})
}

// stockSysfsArgs is the same machine with the stock kernel.
func (s cpuSubject) stockSysfsArgs() []string {
	a := vmm.Config{Name: "sysfs", Accel: s.accel, Kernel: s.stock, Initramfs: s.archive,
		BootMemory: cpuMemory, MaxMemory: cpuMemory, VCPUs: 2, Network: vmm.NetworkNone}.Args(vmm.Wiring{QMP: 3})
	a[slices.Index(a, "-append")+1] = stockCPUCmdline + " maxcpus=1 -- sysfs"
	return a
}

// stockCPUCmdline is what the stock kernel is told. It says only what is wrong, and the lines of the load
// program come through whole.
const stockCPUCmdline = "console=ttyS0 loglevel=1 panic=-1 swiotlb=noforce"

// acpiArgs is silo's own machine with the stock kernel and room for a vCPU that is not there at boot.
func (s cpuSubject) acpiArgs() []string {
	a := vmm.Config{Name: "acpi", Accel: s.accel, Kernel: s.stock, Initramfs: s.archive,
		BootMemory: cpuMemory, MaxMemory: cpuMemory, VCPUs: 1, Network: vmm.NetworkNone}.Args(vmm.Wiring{QMP: 3})
	a[slices.Index(a, "-smp")+1] = fmt.Sprintf("1,maxcpus=%d", grantRounds+2)
	a[slices.Index(a, "-append")+1] = stockCPUCmdline + " -- acpi"
	return a
}

func startConsole(ctx context.Context, args []string) (*consoleGuest, error) {
	in, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	g := &consoleGuest{said: newLines(), orders: orders}
	g.bareQEMU, err = startQEMU(ctx, args, in, g.said)
	in.Close()
	if err != nil {
		orders.Close()
		return nil, err
	}
	if _, err := g.Event(ctx, "ready"); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// explain adds to an error what QEMU said, if it has ended.
func (g *consoleGuest) explain(err error) error {
	select {
	case <-g.ended:
		return fmt.Errorf("%w: QEMU %s: %s", err, g.end, &g.stderr)
	case <-time.After(time.Second):
		return err
	}
}

// Order implements cpuGuest.
func (g *consoleGuest) Order(line string) error {
	g.said.forget()
	_, err := fmt.Fprintln(g.orders, line)
	return err
}

// Event implements cpuGuest.
func (g *consoleGuest) Event(ctx context.Context, kind string) (cpuEvent, error) {
	return g.said.event(ctx, g.ended, kind)
}

// Close implements cpuGuest.
func (g *consoleGuest) Close() error {
	err := g.bareQEMU.Close()
	g.orders.Close()
	return err
}
