package vmmtest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/vmm/vmmtest"
)

func TestSlowMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mib, delay = 1 << 20, 5 * time.Second
		vm := vmmtest.New(vmmtest.Config{BootMemory: 64 * mib, MaxMemory: 1024 * mib, VCPUs: 1})
		defer vm.Close()
		m := vmmtest.NewSlow(vm, delay)
		start := time.Now()
		now, err := m.Resize(t.Context(), 128*mib)
		if err != nil || now != 128*mib || time.Since(start) < delay {
			t.Errorf("%d MiB after %v, %v", now/mib, time.Since(start), err)
		}
		// Nobody waits for this one any more; it comes all the same, and who looks meanwhile waits.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if now, err := m.Resize(ctx, 256*mib); err != nil || now != 128*mib {
			t.Errorf("given up at %d MiB, %v", now/mib, err)
		}
		start = time.Now()
		if _, err := m.Plugged(t.Context()); err != nil || time.Since(start) != delay-time.Second {
			t.Errorf("looked after %v, %v", time.Since(start), err)
		}
		synctest.Wait()
		if now, err := m.Plugged(t.Context()); err != nil || now != 256*mib {
			t.Errorf("%d MiB in the end, %v", now/mib, err)
		}
	})
}

// TestSlowMachineTakesNothingBackLate: an order for less that was overtaken does not take away what came since.
func TestSlowMachineTakesNothingBackLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mib, delay = 1 << 20, 5 * time.Second
		vm := vmmtest.New(vmmtest.Config{BootMemory: 64 * mib, MaxMemory: 1024 * mib, VCPUs: 1})
		defer vm.Close()
		m := vmmtest.NewSlow(vm, delay)
		order := func(total int64) {
			go m.Resize(t.Context(), total)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		at := func(want int64) {
			t.Helper()
			synctest.Wait()
			if now, err := vm.Plugged(t.Context()); err != nil || now != want*mib {
				t.Errorf("%d MiB, want %d, %v", now/mib, want, err)
			}
		}
		order(256 * mib) // due after 5 s, by then for no more than the next
		order(128 * mib) // after 6
		order(512 * mib) // after 7
		at(64)
		time.Sleep(2500 * time.Millisecond)
		at(128)
		time.Sleep(time.Second)
		at(128)
		time.Sleep(time.Second)
		at(512)
		order(96 * mib)
		at(96)
	})
}
