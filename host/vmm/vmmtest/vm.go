package vmmtest

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/internal/elastic"
)

// Config of a machine. The zero value is a machine of fixed memory that has no processors.
type Config struct {
	BootMemory, MaxMemory int64 // bytes in total; multiples of vmm.BlockSize
	VCPUs                 int
	// Latency is how long the guest takes for a change of plugged memory; nil = no time.
	Latency func(from, to int64) time.Duration
}

// VM is a machine without QEMU. Its methods may be called from any goroutine.
type VM struct {
	cfg         Config
	memory      elastic.Memory
	device      *device
	host, guest net.Conn

	mu       sync.Mutex
	resident int64
	console  []string
	exit     *vmm.ExitError
	done     chan struct{}
}

var _ vmm.Machine = (*VM)(nil)

// New returns a running machine.
func New(cfg Config) *VM {
	if cfg.MaxMemory < cfg.BootMemory {
		cfg.MaxMemory = cfg.BootMemory
	}
	latency := cfg.Latency
	if latency == nil {
		latency = func(int64, int64) time.Duration { return 0 }
	}
	vm := &VM{cfg: cfg, device: &device{latency: latency}, done: make(chan struct{})}
	vm.memory.Device, vm.memory.Boot, vm.memory.Max = vm.device, cfg.BootMemory, cfg.MaxMemory
	vm.host, vm.guest = net.Pipe()
	return vm
}

// GuestPort is the guest's end of Port.
func (vm *VM) GuestPort() net.Conn { return vm.guest }

// Pin makes shrinking end at a total of bytes, as memory in use does; 0 unpins. The guest
// goes on towards the size last requested.
func (vm *VM) Pin(total int64) {
	vm.device.change(func() { vm.device.least = max(0, total-vm.cfg.BootMemory) })
}

// Cap makes growing end at a total of bytes; 0 uncaps. The guest goes on towards the size
// last requested.
func (vm *VM) Cap(total int64) {
	vm.device.change(func() { vm.device.most = max(0, total-vm.cfg.BootMemory) })
}

// FailMemory makes Resize and Plugged fail with err from now on; nil ends that.
func (vm *VM) FailMemory(err error) {
	vm.device.change(func() { vm.device.fail = err })
}

// Requests lists the totals that the guest was asked to have, oldest first, bytes.
func (vm *VM) Requests() []int64 {
	vm.device.mu.Lock()
	defer vm.device.mu.Unlock()
	totals := make([]int64, len(vm.device.requests))
	for i, size := range vm.device.requests {
		totals[i] = vm.cfg.BootMemory + size
	}
	return totals
}

// SetResident sets what Resident returns.
func (vm *VM) SetResident(bytes int64) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.resident = bytes
}

// End ends the machine. Only the first end counts.
func (vm *VM) End(how vmm.ExitError) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.exit != nil {
		return
	}
	vm.exit = &how
	vm.device.stop()
	vm.guest.Close()
	close(vm.done)
}

// Port is the host's end of the call channel, an in-memory pipe.
func (vm *VM) Port() net.Conn { return vm.host }

// Resize is as vmm.VM's.
func (vm *VM) Resize(ctx context.Context, total int64) (int64, error) {
	return vm.memory.Resize(ctx, total)
}

// Plugged is as vmm.VM's.
func (vm *VM) Plugged(ctx context.Context) (int64, error) { return vm.memory.Total(ctx) }

// Resident is what SetResident set.
func (vm *VM) Resident() (int64, error) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.exit != nil {
		return 0, vmm.ErrNotRunning
	}
	return vm.resident, nil
}

// VCPUThreads are made-up ids, all different.
func (vm *VM) VCPUThreads(context.Context) ([]int, error) {
	if vm.Err() != nil {
		return nil, vmm.ErrNotRunning
	}
	threads := make([]int, vm.cfg.VCPUs)
	for i := range threads {
		threads[i] = vm.PID() + 1 + i
	}
	return threads, nil
}

// PID is above what Linux gives to processes, so that nothing real is ever meant.
func (vm *VM) PID() int { return 1 << 23 }

// Done is closed by End, Kill and Close.
func (vm *VM) Done() <-chan struct{} { return vm.done }

// Err is how the machine ended, nil while it runs.
func (vm *VM) Err() *vmm.ExitError {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.exit
}

// SetConsole sets what ConsoleTail returns.
func (vm *VM) SetConsole(lines ...string) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.console = lines
}

// ConsoleTail is what SetConsole set.
func (vm *VM) ConsoleTail() []string {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return append([]string(nil), vm.console...)
}

// Kill ends the machine with vmm.CauseStopped.
func (vm *VM) Kill() error {
	vm.End(vmm.ExitError{Cause: vmm.CauseStopped})
	return nil
}

// Close is Kill, and closes Port.
func (vm *VM) Close() error {
	vm.End(vmm.ExitError{Cause: vmm.CauseStopped})
	return vm.host.Close()
}
