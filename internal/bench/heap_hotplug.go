package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// hotplugGuest is the stock kernel with the load program as its first process; its memory comes and goes
// as modules that are plugged by ACPI.
type hotplugGuest struct {
	monitor *qmp.Client
	pid     int
	said    *words
	plugged []string // ids of the modules, oldest first; belongs to whoever calls SetSize
	named   int      // modules plugged until now
	size    atomic.Int64
	ended   chan struct{} // closed when QEMU has ended
	stderr  bytes.Buffer  // QEMU's own; read after ended
}

// hotplugSlots is how many modules of pollStep lead from the least to the most.
const hotplugSlots = (heapMost - pollLeast) / pollStep

// startHotplug starts QEMU with the load program on its console.
func (s heapSubject) startHotplug(ctx context.Context, args []string, said *words) (*hotplugGuest, error) {
	conn, far, err := vmm.Socketpair()
	if err != nil {
		return nil, err
	}
	g := &hotplugGuest{said: said, ended: make(chan struct{})}
	g.size.Store(pollLeast)
	started := make(chan error, 1)
	go g.live(s.hotplugArgs(args), far, started)
	err = <-started
	far.Close()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	if g.monitor, err = qmp.NewClient(ctx, conn, qmp.Config{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start QEMU: %w: %s", err, &g.stderr), g.Close())
	}
	if err := g.monitor.Execute(ctx, "cont", nil, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("start guest: %w", err), g.Close())
	}
	return g, nil
}

// live is the life of QEMU, on one thread: it dies with the thread that started it.
func (g *hotplugGuest) live(args []string, monitor *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(g.ended)
	cmd := exec.Command("qemu-system-x86_64", args...)
	cmd.Stdout, cmd.Stderr = g.said, &g.stderr
	cmd.ExtraFiles = []*os.File{monitor}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	if err == nil {
		g.pid = cmd.Process.Pid
	}
	started <- err
	if err == nil {
		_ = cmd.Wait() // the console says how the guest ended
	}
}

// hotplugArgs is silo's own machine with the stock kernel, slots for modules, and no virtio-mem.
func (s heapSubject) hotplugArgs(args []string) []string {
	a := vmm.Config{Name: "hotplug", Accel: s.accel, Kernel: s.stock, Initramfs: s.stockInitrd,
		BootMemory: pollLeast, MaxMemory: pollLeast, VCPUs: heapVCPUs}.Args(vmm.Wiring{QMP: 3})
	a[slices.Index(a, "-m")+1] += fmt.Sprintf(",slots=%d,maxmem=%dB", hotplugSlots, int64(heapMost))
	a[slices.Index(a, "-append")+1] = hotplugCmdline + " -- " + strings.Join(args, " ")
	return a
}

// hotplugCmdline has the kernel bring modules into use by itself, in a way that lets them go again, and
// spares it 64 MiB of bounce buffers, which no device of this machine needs.
const hotplugCmdline = "console=ttyS0 loglevel=4 panic=-1 swiotlb=noforce memhp_default_state=online_movable"

// Resident implements heapGuest.
func (g *hotplugGuest) Resident() (int64, error) { return vmm.ResidentOf(g.pid) }

// Said implements heapGuest.
func (g *hotplugGuest) Said() pid1 { return pid1{} }

// RoundTrip implements heapGuest.
func (g *hotplugGuest) RoundTrip(context.Context) (time.Duration, error) { return 0, errNoPID1 }

// Done implements heapGuest.
func (g *hotplugGuest) Done() <-chan struct{} { return g.ended }

// Starved implements heapGuest: without a gate the kernel ends somebody, and the only program is the
// first process.
func (g *hotplugGuest) Starved() (string, bool) {
	rest := g.said.rest()
	if i := slices.IndexFunc(rest, saysStarved); i >= 0 {
		return rest[i], true
	}
	return "QEMU ended: " + strings.TrimSpace(g.stderr.String()), false
}

// Last implements heapGuest.
func (g *hotplugGuest) Last() []string { return g.said.rest() }

// Close implements heapGuest.
func (g *hotplugGuest) Close() error {
	err := syscall.Kill(g.pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	<-g.ended
	if g.monitor != nil {
		g.monitor.Close()
	}
	return err
}
