package vmm_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/vmtesting"
)

// The tiny guest runs to its end where guests run; so a KVM that does not boot it is to blame.
func TestProbeGuestBoots(t *testing.T) {
	t.Parallel()
	if err := vmm.BootProbe(within(t), vmtesting.RequireQEMU(t), vmm.AccelTCG); err != nil {
		t.Error(err)
	}
}

func TestProbeGuestImage(t *testing.T) {
	image, err := elf.NewFile(bytes.NewReader(vmm.ProbeGuest()))
	if err != nil {
		t.Fatal(err)
	}
	if image.Entry != 0x100000 || len(image.Progs) != 2 || image.Progs[0].Type != elf.PT_LOAD || image.Progs[1].Type != elf.PT_NOTE {
		t.Errorf("entry %#x, segments %v", image.Entry, image.Progs)
	}
}

// fakeQEMU is a program that counts its guests in the file "runs" beside it and then does
// what the script says.
func fakeQEMU(t *testing.T, script string) (path string, runs func() int) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "qemu")
	count := filepath.Join(dir, "runs")
	text := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = --version ] && { echo fake 1.0; exit; }\necho >> %s\n%s\n", count, script)
	// A child that another test forks meanwhile would hold the file open for writing, and
	// it could not be executed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, func() int {
		content, _ := os.ReadFile(count)
		return len(content)
	}
}

func TestProbeAccel(t *testing.T) {
	t.Setenv("SILO_ACCEL", "")
	tests := []struct{ name, script, want, reason string }{
		{"works", "exit 85", vmm.AccelKVM, "a guest booted under kvm in"},
		{"refused", "echo no such device >&2; exit 1", vmm.AccelTCG, "no such device (exit status 1)"},
		{"ends too well", "exit 0", vmm.AccelTCG, "exit status 0"},
		{"aborts", "echo assertion >&2; kill -ABRT $$", vmm.AccelTCG, "assertion (qemu aborted)"},
		{"hangs", "exec sleep 1000", vmm.AccelTCG, "no guest booted under kvm within"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			binary, runs := fakeQEMU(t, tt.script)
			cfg := vmm.ProbeConfig{Binary: binary, Cache: t.TempDir(), Timeout: 3 * time.Second}
			for range 2 { // the second time it is remembered
				if got, err := vmm.ProbeAccel(within(t), cfg); got != tt.want || err != nil {
					t.Errorf("probe = %q, %v; want %q", got, err, tt.want)
				}
			}
			if runs() != 1 {
				t.Errorf("%d guests booted, want 1", runs())
			}
			memory, err := os.ReadFile(filepath.Join(cfg.Cache, "accel.json"))
			if err != nil || !strings.Contains(string(memory), tt.reason) || !strings.Contains(string(memory), "fake 1.0") {
				t.Errorf("remembered %s, %v; want %q", memory, err, tt.reason)
			}
		})
	}
}

// What the memory does not count for: another QEMU, a broken file, a deadline long ago.
func TestProbeForgets(t *testing.T) {
	t.Setenv("SILO_ACCEL", "")
	binary, runs := fakeQEMU(t, "exit 85")
	cfg := vmm.ProbeConfig{Binary: binary, Cache: t.TempDir()}
	memory := filepath.Join(cfg.Cache, "accel.json")
	probe := func() string {
		t.Helper()
		got, err := vmm.ProbeAccel(within(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	edit := func(from, to string) {
		t.Helper()
		content, err := os.ReadFile(memory)
		if err != nil || !strings.Contains(string(content), from) {
			t.Fatalf("memory %s, %v", content, err)
		}
		if err := os.WriteFile(memory, []byte(strings.Replace(string(content), from, to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	probe()
	edit(`"kvm"`, `"tcg"`)
	if got := probe(); got != vmm.AccelTCG || runs() != 1 {
		t.Fatalf("the memory is not used: %q after %d guests", got, runs())
	}
	edit("0001-01-01", "2001-01-01")
	if got := probe(); got != vmm.AccelKVM || runs() != 2 {
		t.Errorf("a deadline long ago still counts: %q after %d guests", got, runs())
	}
	edit("{", "}")
	if got := probe(); got != vmm.AccelKVM || runs() != 3 {
		t.Errorf("a broken memory counts: %q after %d guests", got, runs())
	}
	if err := os.Chtimes(binary, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if probe(); runs() != 4 {
		t.Errorf("another QEMU is not probed: %d guests", runs())
	}
}

func TestAccelOverride(t *testing.T) {
	binary, runs := fakeQEMU(t, "exit 85")
	cfg := vmm.ProbeConfig{Binary: binary, Cache: t.TempDir()}
	for _, want := range []string{vmm.AccelTCG, vmm.AccelKVM} {
		t.Setenv("SILO_ACCEL", want)
		if got, err := vmm.ProbeAccel(t.Context(), cfg); got != want || err != nil || runs() != 0 {
			t.Errorf("override %q: %q, %v after %d guests", want, got, err, runs())
		}
	}
	t.Setenv("SILO_ACCEL", "xen")
	if _, err := vmm.ProbeAccel(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "use tcg, kvm or leave it unset") {
		t.Errorf("bad override: %v", err)
	}
}

func TestProbeErrors(t *testing.T) {
	t.Setenv("SILO_ACCEL", "")
	if _, err := vmm.ProbeAccel(t.Context(), vmm.ProbeConfig{Binary: "no-such-qemu"}); !errors.Is(err, vmm.ErrQEMUMissing) {
		t.Errorf("without qemu: %v", err)
	}
	binary, _ := fakeQEMU(t, "exec sleep 1000")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cache := t.TempDir()
	if _, err := vmm.ProbeAccel(ctx, vmm.ProbeConfig{Binary: binary, Cache: cache}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	if left, _ := os.ReadDir(cache); len(left) != 0 {
		t.Errorf("an interrupted probe was remembered: %v", left)
	}
	// A cache that cannot be written costs the next start a probe, and nothing else.
	working, runs := fakeQEMU(t, "exit 85")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := vmm.ProbeAccel(within(t), vmm.ProbeConfig{Binary: working, Cache: file})
		if got != vmm.AccelKVM || err != nil {
			t.Errorf("cache that is a file: %q, %v", got, err)
		}
	}
	if runs() != 2 {
		t.Errorf("%d guests, want 2", runs())
	}
}
