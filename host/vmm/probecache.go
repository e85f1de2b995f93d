package vmm

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm/console"
)

// probeKey is everything a finding depends on.
type probeKey struct {
	QEMU   string // the program's path, size and time: another version is another file, and asking costs each start 10 ms
	BootID string // of the host's kernel: its modules and firmware are the same until it boots again
	KVM    string // whether this user may use the device node, which says only that a probe is worth it
	Guest  string // what the tiny guest does
}

// finding is what a probe found, as it is remembered.
type finding struct {
	Key     probeKey
	Accel   string
	Reason  string    // in words, for people
	Version string    // QEMU's, for people
	Expires time.Time // zero = as long as the key holds
}

func probeKeyFor(binary string) (probeKey, error) {
	qemu, err := fileIdentity(binary)
	if err != nil {
		return probeKey{}, err
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return probeKey{}, fmt.Errorf("identify this boot of the host: %w", err)
	}
	access := "usable"
	if err := unix.Access("/dev/kvm", unix.R_OK|unix.W_OK); err != nil {
		access = err.Error()
	}
	return probeKey{
		QEMU:   qemu,
		BootID: strings.TrimSpace(string(id)),
		KVM:    access,
		Guest:  fmt.Sprintf("%08x", crc32.ChecksumIEEE(probeCode)),
	}, nil
}

// fileIdentity is a program's path, size and time.
func fileIdentity(binary string) (string, error) {
	real, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return "", fmt.Errorf("identify qemu: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", fmt.Errorf("identify qemu: %w", err)
	}
	return fmt.Sprintf("%s %d %s", real, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano)), nil
}

// qemuVersion is the first line of qemu --version, "" if it does not say.
func qemuVersion(ctx context.Context, binary string) string {
	cmd := exec.CommandContext(ctx, binary, "--version")
	cmd.Env = environment(os.Environ())
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return console.Plain([]byte(first))
}

// probeMemory is the file that keeps the last finding.
type probeMemory struct{ path string }

// recall returns the finding for key, if there is one that still counts. A file that is
// not there, or not readable as one, is a finding that is not there.
func (m probeMemory) recall(key probeKey, now time.Time) (finding, bool) {
	data, err := os.ReadFile(m.path)
	if err != nil {
		return finding{}, false
	}
	var f finding
	if err := json.Unmarshal(data, &f); err != nil || f.Key != key || !validAccel(f.Accel) {
		return finding{}, false
	}
	if !f.Expires.IsZero() && !now.Before(f.Expires) {
		return finding{}, false
	}
	return f, true
}

func (m probeMemory) store(f finding) error {
	if m.path == "" {
		return fmt.Errorf("store accelerator: no cache folder: set SILO_CACHE")
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("store accelerator: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(m.path), 0o755); err != nil {
		return fmt.Errorf("store accelerator: %w", err)
	}
	if err := renameio.WriteFile(m.path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("store accelerator: %w", err)
	}
	return nil
}
