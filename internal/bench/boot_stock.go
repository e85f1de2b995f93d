package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// stockCmdline is what the stock kernel is told: where its console is, and to be quiet there, which
// saves it time. Silo's own command line belongs to silo's kernel.
const stockCmdline = "console=ttyS0 quiet panic=-1"

// bootStock boots the stock kernel on the same virtual machine and returns how long it took to the
// application's first words. It has more memory at boot, because it does not boot with so little.
func (s subject) bootStock(ctx context.Context) (time.Duration, error) {
	said := newListener(firstWords)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", s.stockArgs()...)
	cmd.Stdout, cmd.Stderr = said, &stderr
	// QEMU dies with the thread that started it, so the thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start QEMU: %w", err)
	}
	gone := make(chan struct{})
	go func() {
		cmd.Wait() // its end is no error here: it is killed
		close(gone)
	}()
	heard, err := said.wait(ctx, gone)
	cmd.Process.Kill()
	<-gone
	if err != nil {
		return 0, fmt.Errorf("%w: %s %s", err, said.last(), &stderr)
	}
	return heard.Sub(start), nil
}

// stockArgs is the command line of silo's own machine with another kernel and what that is told.
func (s subject) stockArgs() []string {
	args := vmm.Config{Name: "stock", Accel: s.accel, Kernel: s.stock, Initramfs: s.stockInitrd,
		BootMemory: stockMemory, MaxMemory: maxMemory, VCPUs: bootVCPUs}.Args(vmm.Wiring{})
	args[slices.Index(args, "-append")+1] = stockCmdline
	return args
}
