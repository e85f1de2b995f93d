package vmm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/silo-os/silo/host/vmm/console"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// errStartTimeout is the cause of the start's own deadline.
var errStartTimeout = errors.New("qemu did not answer in time")

// StartError says that QEMU could be started but did not come up. Nothing of it is left.
type StartError struct {
	Output string // what QEMU said, in one line
	Err    error
}

// Error implements error.
func (e *StartError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("start qemu: %v", e.Err)
	}
	return fmt.Sprintf("start qemu: %s (%v)", e.Output, e.Err)
}

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Err }

// Start starts a virtual machine. When it returns without error, QEMU answers and the
// guest runs. ctx bounds the start only; the machine ends by itself, by Kill or by Close.
//
// Errors: *ConfigError, *PortError, *StartError, and ones that wrap ErrQEMUMissing or
// fs.ErrNotExist. After an error nothing is left.
func Start(ctx context.Context, cfg Config) (*VM, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.startTimeout(), errStartTimeout)
	defer cancel()
	cfg, err := cfg.resolve(ctx)
	if err != nil {
		return nil, err
	}
	vm, err := cfg.start(ctx)
	if err != nil {
		return nil, err
	}
	cfg.logger().Info("vm started", "name", cfg.name(), "pid", vm.PID(), "accel", cfg.Accel,
		"boot_memory", cfg.BootMemory, "max_memory", cfg.MaxMemory, "vcpus", cfg.VCPUs, "from_template", vm.FromTemplate())
	return vm, nil
}

// begin starts QEMU and talks to it until the guest runs.
func (c Config) begin(ctx context.Context, from origin) (*VM, error) {
	vm, err := launch(c, from)
	if err != nil {
		return nil, err
	}
	if err := vm.connect(ctx, from); err != nil {
		return nil, vm.abandon(ctx, err)
	}
	return vm, nil
}

// launch starts QEMU with its connections, and reads its console from the first byte.
func launch(cfg Config, from origin) (*VM, error) {
	if cfg.Detached != nil {
		return launchDetached(cfg)
	}
	l, err := newLinks()
	if err != nil {
		return nil, err
	}
	w, err := l.open(cfg)
	inherit := l.inherit
	if err == nil {
		inherit, w, err = from.attach(inherit, w)
	}
	if err == nil {
		if f := cfg.hugeMemory(w); f != nil {
			defer f.Close()
			inherit, w.Huge = append(inherit, f), firstInherited+len(inherit)
		}
	}
	var proc *process
	if err == nil {
		proc, err = startProcess(command{name: cfg.Binary, args: cfg.Args(w), inherit: inherit, runAs: cfg.RunAs})
	}
	if err != nil {
		l.close()
		from.release()
		return nil, err
	}
	l.handedOver()
	vm := newVM(cfg, proc, l, from)
	go vm.drain()
	return vm, nil
}

func newVM(cfg Config, proc qemu, l *links, from origin) *VM {
	return &VM{
		cfg: cfg, proc: proc, links: l, origin: from, console: &console.Log{CopyTo: cfg.Console},
		drained: make(chan struct{}), done: make(chan struct{}), migrated: make(chan struct{}, 1),
	}
}

// connect talks to QEMU until the guest runs.
func (vm *VM) connect(ctx context.Context, from origin) error {
	if vm.cfg.Confine != nil {
		if err := vm.cfg.Confine(vm.PID()); err != nil {
			return err
		}
	}
	if err := vm.meet(ctx); err != nil {
		return err
	}
	if err := from.restore(ctx, vm.monitor); err != nil {
		return err
	}
	if !vm.cfg.Incoming {
		if err := vm.monitor.Execute(ctx, "cont", nil, nil); err != nil {
			return err
		}
	}
	go vm.watch()
	return nil
}

// meet gets to know a QEMU that runs, whether its guest does or not.
func (vm *VM) meet(ctx context.Context) error {
	if vm.cfg.Detached != nil {
		if err := vm.dial(ctx); err != nil {
			return err
		}
	}
	if !vm.cfg.Incoming {
		port, err := vm.origin.listen(vm.links.port)
		if err != nil {
			return err
		}
		if vm.cfg.Detached == nil {
			port = newLine(port)
		}
		vm.links.port = port
	}
	monitor, err := qmp.NewClient(ctx, vm.links.qmp, qmp.Config{Log: vm.cfg.Log})
	if err != nil {
		return err
	}
	vm.monitor = monitor
	vm.memory.Device, vm.memory.Boot, vm.memory.Max = virtioMem{monitor}, vm.cfg.BootMemory, vm.cfg.MaxMemory
	backends := 1
	if vm.cfg.elastic() > 0 {
		backends = 2
	}
	vm.memoryFiles, err = findMemory(vm.PID(), backends)
	return err
}

// lastWords is how long a QEMU that hung up may take to say why and end.
const lastWords = 2 * time.Second

// abandon takes a machine that did not come up apart, and makes its error.
func (vm *VM) abandon(ctx context.Context, cause error) error {
	if ctx.Err() == nil {
		select { // it probably fails by itself; killing it now would hide how
		case <-vm.proc.ended():
			cause = errors.New(ended(vm.proc))
		case <-time.After(lastWords):
		}
	}
	stop(vm.proc)
	if vm.monitor != nil {
		vm.monitor.Close()
	}
	<-vm.drained
	vm.links.hangUp()
	vm.origin.release()
	return &StartError{Output: strings.Join(vm.proc.words(), "; "), Err: cause}
}
