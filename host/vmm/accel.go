package vmm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// ProbeConfig says how to find the accelerator. The zero value is right.
type ProbeConfig struct {
	Binary  string        // QEMU; "" = qemu-system-x86_64 from PATH
	Cache   string        // folder that remembers the finding; "" = $SILO_CACHE or silo under os.UserCacheDir
	Timeout time.Duration // the tiny guest's deadline; 0 = DefaultProbeTimeout
	Log     *slog.Logger  // nil = silent
}

// DefaultProbeTimeout is how long the tiny guest may take under KVM. It takes 0.1 s, and 0.2 s under emulation; on hosts
// whose KVM takes this long emulation is the faster one.
const DefaultProbeTimeout = 2 * time.Second

// timeoutMemory is how long a probe that ran into its deadline counts: the host may only
// have been busy. A KVM that failed or worked is remembered until the host boots again.
const timeoutMemory = time.Hour

// ProbeAccel returns AccelKVM where a guest boots under it, else AccelTCG. It finds out by
// booting one: a device node that opens, and even creates virtual CPUs, proves nothing.
// The environment variable SILO_ACCEL overrides the finding.
//
// Errors: a SILO_ACCEL that is no accelerator, ErrQEMUMissing, or the context's end.
func ProbeAccel(ctx context.Context, cfg ProbeConfig) (string, error) {
	if accel := os.Getenv("SILO_ACCEL"); accel != "" {
		if !validAccel(accel) {
			return "", fmt.Errorf("read SILO_ACCEL: %q is not an accelerator: use tcg, kvm or leave it unset", accel)
		}
		return accel, nil
	}
	binary, err := findQEMU(Config{Binary: cfg.Binary}.binary())
	if err != nil {
		return "", err
	}
	log := Config{Log: cfg.Log}.logger()
	key, err := probeKeyFor(binary)
	if err != nil {
		return "", err
	}
	memory := probeMemory{path: cfg.memoryPath()}
	if known, ok := memory.recall(key, time.Now()); ok {
		log.Debug("accelerator known", "accel", known.Accel, "reason", known.Reason)
		return known.Accel, nil
	}
	found, err := cfg.probe(ctx, binary)
	if err != nil {
		return "", err
	}
	log.Info("accelerator probed", "accel", found.Accel, "reason", found.Reason)
	found.Key, found.Version = key, qemuVersion(ctx, binary)
	if err := memory.store(found); err != nil {
		log.Warn("accelerator not remembered", "error", err)
	}
	return found.Accel, nil
}

// memoryPath is the file that remembers, "" without a cache.
func (cfg ProbeConfig) memoryPath() string {
	dir := cmp.Or(cfg.Cache, cacheDir())
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "accel.json")
}

// probe boots the tiny guest under KVM.
func (cfg ProbeConfig) probe(ctx context.Context, binary string) (finding, error) {
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = DefaultProbeTimeout
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := bootProbe(limited, binary, AccelKVM)
	switch {
	case ctx.Err() != nil:
		return finding{}, fmt.Errorf("probe accelerator: %w", context.Cause(ctx))
	case err == nil:
		return finding{Accel: AccelKVM, Reason: fmt.Sprintf("a guest booted under kvm in %v", time.Since(start).Round(time.Millisecond))}, nil
	case errors.Is(err, context.DeadlineExceeded):
		return finding{
			Accel: AccelTCG, Reason: fmt.Sprintf("no guest booted under kvm within %v", timeout),
			Expires: start.Add(timeoutMemory),
		}, nil
	default:
		return finding{Accel: AccelTCG, Reason: err.Error()}, nil
	}
}
