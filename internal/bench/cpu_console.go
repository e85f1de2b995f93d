package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// consoleGuest is a guest without silo's PID 1: cpuagent takes its orders on the console.
type consoleGuest struct {
	monitor *qmp.Client
	orders  io.WriteCloser
	said    *lines
	pid     int
	ended   chan struct{} // closed when QEMU has ended
	stderr  bytes.Buffer  // read after ended, as end
	end     string        // how it did
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
	conn, far, err := vmm.Socketpair()
	if err != nil {
		return nil, err
	}
	in, orders, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, conn.Close(), far.Close())
	}
	g := &consoleGuest{said: newLines(), orders: orders, ended: make(chan struct{})}
	started := make(chan error, 1)
	go g.live(args, in, far, started)
	err = <-started
	far.Close()
	in.Close()
	if err != nil {
		conn.Close()
		orders.Close()
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	if g.monitor, err = qmp.NewClient(ctx, conn, qmp.Config{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start QEMU: %w: %s", err, &g.stderr), g.Close())
	}
	if err := g.monitor.Execute(ctx, "cont", nil, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("start guest: %w", err), g.Close())
	}
	if _, err := g.Event(ctx, "ready"); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// live is the life of QEMU, on one thread: it dies with the thread that started it.
func (g *consoleGuest) live(args []string, in, monitor *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(g.ended)
	cmd := exec.Command("qemu-system-x86_64", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, g.said, &g.stderr
	cmd.ExtraFiles = []*os.File{monitor}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	if err == nil {
		g.pid = cmd.Process.Pid
	}
	started <- err
	if err == nil {
		_ = cmd.Wait() // read from its state
		g.end = cmd.ProcessState.String()
	}
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
	err := syscall.Kill(g.pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	<-g.ended
	g.orders.Close()
	if g.monitor != nil {
		g.monitor.Close()
	}
	return err
}
