package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// hotplugGuest is the stock kernel with the load program as its first process; its memory comes and goes
// as modules that are plugged by ACPI.
type hotplugGuest struct {
	*bareQEMU
	said    *words
	plugged []string // ids of the modules, oldest first; belongs to whoever calls SetSize
	named   int      // modules plugged until now
	size    atomic.Int64
}

// hotplugSlots is how many modules of pollStep lead from the least to the most.
const hotplugSlots = (heapMost - pollLeast) / pollStep

// startHotplug starts QEMU with the load program on its console.
func (s heapSubject) startHotplug(ctx context.Context, args []string, said *words) (*hotplugGuest, error) {
	q, err := startQEMU(ctx, s.hotplugArgs(args), nil, said)
	if err != nil {
		return nil, err
	}
	g := &hotplugGuest{bareQEMU: q, said: said}
	g.size.Store(pollLeast)
	return g, nil
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
