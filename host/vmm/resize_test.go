package vmm_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

const (
	mib = 1 << 20
	gib = 1 << 30
	// stays is what may remain plugged after a shrink: kernel allocations in blocks that
	// are not movable.
	stays = 16 * mib
)

// shrink gives memory back as far as the guest can, and returns the total that stayed.
func shrink(t *testing.T, vm *vmm.VM, total int64) int64 {
	t.Helper()
	// Left to itself, a guest's driver that gave up tries again after 50 s.
	ctx, enough := context.WithTimeout(t.Context(), 40*time.Second)
	defer enough()
	resized := make(chan error)
	go func() {
		_, err := vm.Resize(ctx, total)
		resized <- err
	}()
	now := int64(math.MaxInt64)
	for now > total+stays {
		var err error
		if now, err = vm.Plugged(ctx); err != nil {
			t.Fatalf("waiting to be at %d: %v", total, err)
		}
		time.Sleep(time.Millisecond)
	}
	enough()
	if err := <-resized; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return now
}

func TestResize(t *testing.T) {
	t.Parallel()
	vm := start(t, config(t))
	g := talk(t, vm)
	boot, idle := memory(g), resident(t, vm)
	if now, err := vm.Resize(within(t), 64*mib+gib); now != 64*mib+gib || err != nil {
		t.Fatalf("grow: %d, %v", now, err)
	}
	if now, err := vm.Plugged(within(t)); now != 64*mib+gib || err != nil {
		t.Errorf("plugged = %d, %v", now, err)
	}
	awaitMemory(t, g, boot+gib*9/10) // 1 GiB less its page descriptors
	if got := g.ask("touch %d", 600*mib); got != "ok" {
		t.Fatal(got)
	}
	if n := resident(t, vm); n < 600*mib || n > 800*mib {
		t.Errorf("resident = %d with 600 MiB in use", n)
	}
	if got := g.ask("free"); got != "ok" {
		t.Fatal(got)
	}
	now := shrink(t, vm, 64*mib)
	if n := resident(t, vm); n > idle+(now-64*mib)+32*mib {
		t.Errorf("resident = %d after the shrink, %d before anything", n, idle)
	}
	for _, refused := range []int64{0, 60 * mib, 65 * mib, 3 * gib} {
		if _, err := vm.Resize(within(t), refused); !errors.As(err, new(*vmm.SizeError)) {
			t.Errorf("resize to %d: %v", refused, err)
		}
	}
}

// Every byte of the maximum can be had, also where it is no multiple of the guest's own
// unit of hotplug.
func TestResizeToMaximum(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.MaxMemory = 64*mib + 200*mib
	vm := start(t, cfg)
	talk(t, vm)
	if now, err := vm.Resize(within(t), cfg.MaxMemory); now != cfg.MaxMemory || err != nil {
		t.Errorf("resize to the maximum: %d, %v", now, err)
	}
}

// Memory in use cannot leave; once it is free the size is reached although the guest's
// driver had given up for a minute.
func TestResizeStuck(t *testing.T) {
	t.Parallel()
	vm := start(t, config(t))
	g := talk(t, vm)
	if _, err := vm.Resize(within(t), 512*mib); err != nil {
		t.Fatal(err)
	}
	if got := g.ask("touch %d", 350*mib); got != "ok" {
		t.Fatal(got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	now, err := vm.Resize(ctx, 128*mib)
	var partial *vmm.ResizeError
	if !errors.As(err, &partial) || !errors.Is(err, context.DeadlineExceeded) || partial.Now != now || now < 350*mib {
		t.Fatalf("shrink below what is in use: %d, %v", now, err)
	}
	freed := make(chan string)
	time.AfterFunc(time.Second, func() { freed <- g.ask("free") })
	shrink(t, vm, 128*mib)
	if got := <-freed; got != "ok" {
		t.Error(got)
	}
}

func TestResizeNewestWins(t *testing.T) {
	t.Parallel()
	vm := start(t, config(t))
	talk(t, vm)
	first := make(chan error)
	go func() {
		_, err := vm.Resize(within(t), 2*gib)
		first <- err
	}()
	now, err := vm.Resize(within(t), 256*mib)
	for errors.Is(err, vmm.ErrSuperseded) { // the other one came second
		now, err = vm.Resize(within(t), 256*mib)
	}
	if now != 256*mib || err != nil {
		t.Errorf("newest: %d, %v", now, err)
	}
	if err := <-first; err != nil && !errors.Is(err, vmm.ErrSuperseded) {
		t.Errorf("older: %v", err)
	}
}

// memory is what the guest's kernel has, bytes.
func memory(g *guest) int64 {
	g.t.Helper()
	kib, err := strconv.ParseInt(g.ask("memory"), 10, 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return kib << 10
}

// awaitMemory waits until the guest's kernel uses what is plugged.
func awaitMemory(t *testing.T, g *guest, least int64) {
	t.Helper()
	for ctx := within(t); memory(g) < least; {
		if ctx.Err() != nil {
			t.Fatalf("the guest has %d bytes, want %d", memory(g), least)
		}
	}
}

func resident(t *testing.T, vm *vmm.VM) int64 {
	t.Helper()
	n, err := vm.Resident()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
