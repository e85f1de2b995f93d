package vmmtest_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
)

const mib = 1 << 20

func machine(t *testing.T) *vmmtest.VM {
	vm := vmmtest.New(vmmtest.Config{
		BootMemory: 64 * mib, MaxMemory: 1024 * mib, VCPUs: 2,
		Latency: func(from, to int64) time.Duration { return 10 * time.Millisecond },
	})
	t.Cleanup(func() { vm.Close() })
	return vm
}

func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := machine(t)
		for _, want := range []int64{1024 * mib, 64 * mib} {
			begun := time.Now()
			if now, err := vm.Resize(t.Context(), want); now != want || err != nil {
				t.Errorf("resize to %d: %d, %v", want, now, err)
			}
			if took := time.Since(begun); took < 10*time.Millisecond || took > 30*time.Millisecond {
				t.Errorf("took %v, want the latency", took)
			}
		}
		if got := vm.Requests(); !slices.Equal(got, []int64{1024 * mib, 64 * mib}) {
			t.Errorf("requests = %d", got)
		}
		if _, err := vm.Resize(t.Context(), 2048*mib); !errors.As(err, new(*vmm.SizeError)) {
			t.Errorf("beyond the maximum: %v", err)
		}
	})
}

func TestPartialAndFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := machine(t)
		vm.Cap(512 * mib)
		short := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		if now, err := vm.Resize(short(), 1024*mib); now != 512*mib || !errors.As(err, new(*vmm.ResizeError)) {
			t.Errorf("capped: %d, %v", now, err)
		}
		vm.Pin(256 * mib)
		if now, err := vm.Resize(short(), 64*mib); now != 256*mib || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("pinned: %d, %v", now, err)
		}
		vm.Pin(0)
		time.Sleep(time.Second)
		if now, err := vm.Plugged(t.Context()); now != 64*mib || err != nil {
			t.Errorf("unpinned, the request stands: %d, %v", now, err)
		}
		broken := errors.New("monitor gone")
		vm.FailMemory(broken)
		if _, err := vm.Resize(t.Context(), 128*mib); !errors.Is(err, broken) {
			t.Errorf("failing: %v", err)
		}
		vm.FailMemory(nil)
		if now, err := vm.Resize(t.Context(), 128*mib); now != 128*mib || err != nil {
			t.Errorf("working again: %d, %v", now, err)
		}
	})
}

func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := machine(t)
		vm.SetResident(40 * mib)
		vm.SetConsole("a", "b")
		if n, err := vm.Resident(); n != 40*mib || err != nil {
			t.Errorf("resident = %d, %v", n, err)
		}
		if threads, err := vm.VCPUThreads(t.Context()); len(threads) != 2 || err != nil {
			t.Errorf("threads = %v, %v", threads, err)
		}
		if vm.Err() != nil {
			t.Errorf("running, Err = %v", vm.Err())
		}
		go io.WriteString(vm.GuestPort(), "hi")
		if got, err := io.ReadAll(io.LimitReader(vm.Port(), 2)); string(got) != "hi" || err != nil {
			t.Errorf("port gave %q, %v", got, err)
		}
		vm.End(vmm.ExitError{Cause: vmm.CauseGuestPanic, Detail: "oops"})
		<-vm.Done()
		vm.Kill()
		if exit := vm.Err(); exit == nil || exit.Cause != vmm.CauseGuestPanic {
			t.Errorf("exit = %v, want the first end", exit)
		}
		if _, err := vm.Port().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("port after the end: %v", err)
		}
		if _, err := vm.Resize(t.Context(), 128*mib); !errors.Is(err, vmm.ErrNotRunning) {
			t.Errorf("resize after the end: %v", err)
		}
		if _, err := vm.Resident(); !errors.Is(err, vmm.ErrNotRunning) {
			t.Errorf("resident after the end: %v", err)
		}
		if _, err := vm.VCPUThreads(t.Context()); !errors.Is(err, vmm.ErrNotRunning) {
			t.Errorf("threads after the end: %v", err)
		}
		if got := vm.ConsoleTail(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("console = %q", got)
		}
	})
}
