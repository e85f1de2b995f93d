package bench

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// The bars of the benchmark of several real guests on one host.
var (
	poolPeak          = Bar{"broker.pool_peak", 1, Lower, "of pool"}
	poolKills         = Bar{"broker.kills", 0, Lower, ""}
	hostileThroughput = Bar{"broker.hostile_throughput", 0.9, Higher, "of without"}
)

// guestsSubject is what boots: examples/kv in silo's image, and the hostile program in PID 1's place.
type guestsSubject struct {
	kv      *images.Image
	hostile string // path of its archive
}

// Guests measures what real guests on one host do to each other: three stores whose peaks do not coincide in a pool
// that is too small for all peaks, and the same stores beside a guest that is hostile.
func Guests(ctx context.Context, cfg Config) ([]Result, error) {
	s, err := prepareGuests(ctx, cfg)
	if err != nil {
		return nil, err
	}
	pool, err := s.pool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	hostile, err := s.besideHostile(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return append(pool, hostile), nil
}

func prepareGuests(ctx context.Context, cfg Config) (s guestsSubject, err error) {
	if err := devsetup.Ensure(ctx, devsetup.Machine(cfg.Out), devsetup.VM, devsetup.Kernel); err != nil {
		return s, err
	}
	if s.kv, err = images.Build(ctx, images.Config{Package: "./examples/kv", Dir: cfg.Dir, Progress: cfg.Out}); err != nil {
		return s, err
	}
	hostile, err := images.Build(ctx, images.Config{Package: "./internal/bench/hostileload", Dir: cfg.Dir, Progress: cfg.Out})
	if err != nil {
		return s, err
	}
	accel, err := vmm.ProbeAccel(ctx, vmm.ProbeConfig{})
	if err != nil {
		return s, err
	}
	fmt.Fprintln(cfg.Out, "accelerator:", accel)
	s.hostile = filepath.Join(hostile.Dir, "hostile.cpio")
	return s, asInit(hostile.InitramfsPath(), s.hostile)
}
