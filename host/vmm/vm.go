package vmm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sort"
	"sync/atomic"

	"github.com/silo-os/silo/host/vmm/console"
	"github.com/silo-os/silo/host/vmm/internal/elastic"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// ErrNotRunning says that the machine has ended; VM.Err tells how.
var ErrNotRunning = errors.New("vm has ended")

// Machine is what the host does with a virtual machine. *VM is the real one; package
// vmmtest has one for tests.
type Machine interface {
	Port() net.Conn
	Resize(ctx context.Context, total int64) (now int64, err error)
	Plugged(ctx context.Context) (int64, error)
	Resident() (int64, error)
	VCPUThreads(ctx context.Context) ([]int, error)
	PID() int
	Done() <-chan struct{}
	Err() *ExitError
	ConsoleTail() []string
	Kill() error
	Close() error
}

var _ Machine = (*VM)(nil)

// VM is a running, or ended, virtual machine. Its methods may be called from any goroutine.
type VM struct {
	cfg         Config
	proc        qemu
	links       *links
	monitor     *qmp.Client
	memory      elastic.Memory
	memoryFiles []string // see findMemory
	console     *console.Log
	origin      origin

	migrated   chan struct{} // holds a token when QEMU said something of a copying
	memoryCame chan struct{} // closed when all memory is there; nil = QEMU takes it in itself

	attached bool          // another process started it
	killed   atomic.Bool   // Kill or Close was called
	drained  chan struct{} // closed when the console has ended
	done     chan struct{} // closed when QEMU has ended and exit is set
	exit     *ExitError
}

// Port is the host's end of the call channel. It is the same connection at each call; what
// the guest sent last stays readable after the end of the machine, until Close.
func (vm *VM) Port() net.Conn { return vm.links.port }

// PID is the QEMU process's id.
func (vm *VM) PID() int { return vm.proc.pid() }

// Accel is the accelerator in use, AccelTCG or AccelKVM.
func (vm *VM) Accel() string { return vm.cfg.Accel }

// Forwards are the configured ones, with the chosen ports in place of 0.
func (vm *VM) Forwards() []Forward { return append([]Forward(nil), vm.cfg.Forwards...) }

// Resize gives the guest a total of bytes of memory, boot memory included, and waits until
// it has it or ctx ends. It returns what the guest has then. Of several at a time the
// newest wins; the others return ErrSuperseded. The size stays requested when ctx ends:
// the guest may still reach it. Memory plugged is the guest's from then on, but its kernel
// takes some milliseconds more to bring the last blocks into use.
//
// Errors: *SizeError for a size the machine cannot have, nothing was changed then;
// *ResizeError otherwise.
func (vm *VM) Resize(ctx context.Context, total int64) (now int64, err error) {
	now, err = vm.memory.Resize(ctx, total)
	return now, vm.explain(err)
}

// Plugged is the total of memory the guest has now, boot memory included, bytes.
func (vm *VM) Plugged(ctx context.Context) (int64, error) {
	n, err := vm.memory.Total(ctx)
	return n, vm.explain(err)
}

// Requested is the total of memory that the guest was last told to reach, boot memory included, bytes.
func (vm *VM) Requested(ctx context.Context) (int64, error) {
	if vm.cfg.elastic() <= 0 {
		return vm.cfg.BootMemory, nil
	}
	n, err := virtioMem{vm.monitor}.Requested(ctx)
	return vm.cfg.BootMemory + n, vm.explain(err)
}

// Resident is the guest memory that exists on the host, in RAM or swapped out, bytes. It
// is what the guest has touched and not given back; QEMU's own memory is not in it.
func (vm *VM) Resident() (int64, error) {
	n, err := allocated(vm.memoryFiles)
	if hasEnded(vm.proc) { // the paths may by now mean another process
		return 0, ErrNotRunning
	}
	return n, err
}

// VCPUThreads are the host's thread ids of the processors, in the order of their numbers.
func (vm *VM) VCPUThreads(ctx context.Context) ([]int, error) {
	var cpus []struct {
		Index  int `json:"cpu-index"`
		Thread int `json:"thread-id"`
	}
	if err := vm.monitor.Execute(ctx, "query-cpus-fast", nil, &cpus); err != nil {
		return nil, vm.explain(err)
	}
	sort.Slice(cpus, func(i, j int) bool { return cpus[i].Index < cpus[j].Index })
	threads := make([]int, len(cpus))
	for i, cpu := range cpus {
		threads[i] = cpu.Thread
	}
	return threads, nil
}

// explain says of an error that it comes from the machine's end, where it does.
func (vm *VM) explain(err error) error {
	if err == nil || errors.As(err, new(*SizeError)) {
		return err
	}
	select {
	case <-vm.monitor.Done():
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	default:
		return err
	}
}

// Done is closed when QEMU has ended and nothing of it is left.
func (vm *VM) Done() <-chan struct{} { return vm.done }

// Err tells how the machine ended, also when it ended well. It is nil until Done is closed.
func (vm *VM) Err() *ExitError {
	select {
	case <-vm.done:
		return vm.exit
	default:
		return nil
	}
}

// ConsoleTail is the last lines of the guest kernel's console, at most 200, made safe to
// show.
func (vm *VM) ConsoleTail() []string {
	if d := vm.cfg.Detached; d != nil {
		return tailOf(d.console())
	}
	return vm.console.Tail()
}

// Kill ends the machine at once and waits for its end. An ended machine is no error.
func (vm *VM) Kill() error {
	vm.killed.Store(true)
	if err := vm.proc.kill(); err != nil {
		return err
	}
	<-vm.done
	return nil
}

// Close kills the machine if it runs, and releases everything. It may be called more than
// once; it must be called once, also when the machine has ended by itself.
func (vm *VM) Close() error {
	err := vm.Kill()
	if err == nil {
		vm.links.hangUp()
		vm.origin.release()
	}
	return err
}

// drain reads the console to its end, so that the guest never waits for room in it.
func (vm *VM) drain() {
	defer close(vm.drained)
	_, _ = io.Copy(vm.console, vm.links.serial) // it ends with QEMU, in whatever way
	vm.console.Flush()
}
