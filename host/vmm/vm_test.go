package vmm_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/console"
)

func TestStartAndShutdown(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	cfg := config(t)
	cfg.Console = &said
	vm := start(t, cfg)
	g := talk(t, vm)
	if err := vm.Err(); err != nil {
		t.Errorf("Err of a running machine = %v", err)
	}
	if n, err := vm.Resident(); err != nil || n < 8<<20 || n > 64<<20 {
		t.Errorf("resident = %d, %v; want some of the 64 MiB", n, err)
	}
	threads, err := vm.VCPUThreads(within(t))
	if err != nil || len(threads) != 2 || threads[0] == threads[1] {
		t.Errorf("vcpu threads = %v, %v; want two", threads, err)
	}
	if got := g.ask("cpus present") + " " + g.ask("cpus online"); got != "0-1 0" {
		t.Errorf("cpus present and online = %q, want one of two online", got)
	}
	g.ask("poweroff")
	if exit := ended(t, vm); exit.Cause != vmm.CauseGuestShutdown {
		t.Errorf("exit = %v, want a guest shutdown", exit)
	}
	if !strings.Contains(said.String(), "silotest: ready\n") {
		t.Errorf("console = %q", said.String())
	}
	checkEnded(t, vm)
}

func TestKill(t *testing.T) {
	t.Parallel()
	vm := start(t, config(t))
	g := talk(t, vm)
	if err := vm.Kill(); err != nil {
		t.Error(err)
	}
	if exit := vm.Err(); exit == nil || exit.Cause != vmm.CauseStopped {
		t.Errorf("exit = %v, want stopped by the host", exit)
	}
	if _, err := g.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("port after the end: %v, want EOF", err)
	}
	checkEnded(t, vm)
}

func TestEnds(t *testing.T) {
	tests := []struct {
		mode   string
		cause  vmm.Cause
		detail string
	}{
		{"poweroff", vmm.CauseGuestShutdown, ""},
		{"reboot", vmm.CauseGuestReset, "guest-reset"},
		{"panic", vmm.CauseGuestPanic, "Attempted to kill init! exitcode=0x00000300"},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			vm := start(t, config(t, "silotest="+tt.mode))
			exit := ended(t, vm)
			if exit.Cause != tt.cause || exit.Detail != tt.detail {
				t.Errorf("exit = %v, want %q, %q", exit, tt.cause, tt.detail)
			}
			report := exit.Report()
			if tt.mode == "panic" && (!strings.Contains(report, "silotest: about to panic\n") || strings.Contains(report, "\x1b")) {
				t.Errorf("report %q, want the guest's last words without colour", report)
			}
		})
	}
}

// QEMU ends without having been asked to.
func TestQEMUDies(t *testing.T) {
	tests := []struct {
		signal syscall.Signal
		cause  vmm.Cause
	}{
		{syscall.SIGKILL, vmm.CauseKilled},
		{syscall.SIGTERM, vmm.CauseKilled},
		{syscall.SIGSEGV, vmm.CauseCrashed},
	}
	for _, tt := range tests {
		t.Run(tt.signal.String(), func(t *testing.T) {
			t.Parallel()
			vm := start(t, config(t))
			talk(t, vm)
			resized := make(chan error)
			go func() {
				_, err := vm.Resize(within(t), 2<<30)
				for err == nil { // until the end comes in between
					_, err = vm.Resize(within(t), 64<<20)
				}
				resized <- err
			}()
			if err := syscall.Kill(vm.PID(), tt.signal); err != nil {
				t.Fatal(err)
			}
			if exit := ended(t, vm); exit.Cause != tt.cause {
				t.Errorf("exit = %v, want %q", exit, tt.cause)
			}
			if err := <-resized; !errors.Is(err, vmm.ErrNotRunning) {
				t.Errorf("resize under way: %v", err)
			}
		})
	}
}

func TestFixedMemoryAndNoNetwork(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.MaxMemory, cfg.Network, cfg.VCPUs = cfg.BootMemory, vmm.NetworkNone, 1
	vm := start(t, cfg)
	talk(t, vm)
	if n, err := vm.Plugged(within(t)); n != cfg.BootMemory || err != nil {
		t.Errorf("plugged = %d, %v", n, err)
	}
	if _, err := vm.Resize(within(t), 128<<20); !errors.As(err, new(*vmm.SizeError)) {
		t.Errorf("resize of fixed memory: %v", err)
	}
	if n, err := vm.Resident(); err != nil || n < 8<<20 {
		t.Errorf("resident = %d, %v", n, err)
	}
}

// A guest that talks much, in endless lines, neither stops its machine nor fills the
// host's memory.
func TestChattyConsole(t *testing.T) {
	t.Parallel()
	vm := start(t, config(t))
	g := talk(t, vm)
	const times = 120
	for range times {
		if got := g.ask("say %s", strings.Repeat("x", 1100)); got != "ok" {
			t.Fatalf("guest answered %q", got)
		}
	}
	g.ask("say enough")
	tail := vm.ConsoleTail()
	for ctx := within(t); tail[len(tail)-1] != "enough"; tail = vm.ConsoleTail() {
		if ctx.Err() != nil {
			t.Fatal("the console lost its end")
		}
		time.Sleep(time.Millisecond)
	}
	if len(tail) != console.MaxLines {
		t.Errorf("%d lines kept of more than %d", len(tail), 2*times)
	}
	for _, line := range tail {
		if len(line) > console.MaxLineSize {
			t.Errorf("line of %d bytes", len(line))
		}
	}
}

// checkEnded: what a machine's methods return when it has ended.
func checkEnded(t *testing.T, vm *vmm.VM) {
	t.Helper()
	if _, err := vm.Resident(); !errors.Is(err, vmm.ErrNotRunning) {
		t.Errorf("resident after the end: %v", err)
	}
	if _, err := vm.Resize(within(t), 128<<20); !errors.Is(err, vmm.ErrNotRunning) {
		t.Errorf("resize after the end: %v", err)
	}
	if _, err := vm.VCPUThreads(within(t)); !errors.Is(err, vmm.ErrNotRunning) {
		t.Errorf("vcpu threads after the end: %v", err)
	}
	for range 2 {
		if err := vm.Kill(); err != nil {
			t.Errorf("kill after the end: %v", err)
		}
		if err := vm.Close(); err != nil {
			t.Errorf("close after the end: %v", err)
		}
	}
}
