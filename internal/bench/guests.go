package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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

// guestsPart is one measurement of the guests benchmark.
type guestsPart struct {
	name    string
	measure func(guestsSubject, context.Context, Config) ([]Result, error)
	asked   bool // it is measured only where it is named: no bar is held against it
}

func (p guestsPart) title() string { return p.name }

// guestsParts are all there are, in the order in which they run.
func guestsParts() []guestsPart {
	parts := []guestsPart{
		{name: "pool", measure: guestsSubject.pool},
		{name: "hostile", measure: func(s guestsSubject, ctx context.Context, cfg Config) ([]Result, error) {
			return s.besideHostile(ctx, cfg, hostileThroughput)
		}},
	}
	for _, deed := range hostileDeeds {
		bar := Bar{hostileThroughput.Name + "_" + deed, hostileThroughput.Limit, hostileThroughput.Better, hostileThroughput.Unit}
		parts = append(parts, guestsPart{name: deed, asked: true, measure: func(s guestsSubject, ctx context.Context, cfg Config) ([]Result, error) {
			return s.besideHostile(ctx, cfg, bar, deed)
		}})
	}
	return parts
}

// selectGuests returns the parts that words name, all with a bar for none.
func selectGuests(all []guestsPart, words string) []guestsPart {
	if words == "" {
		return slices.DeleteFunc(slices.Clone(all), func(p guestsPart) bool { return p.asked })
	}
	return pick(all, words, guestsPart.title)
}

// Guests measures what real guests on one host do to each other: three stores whose peaks do not coincide in a pool
// that is too small for all peaks, and the same stores beside a guest that is hostile. With a selection of parts it says by an
// error that bars are missing.
func Guests(ctx context.Context, cfg Config) ([]Result, error) {
	all, words := guestsParts(), os.Getenv(cellsEnv)
	parts := selectGuests(all, words)
	if len(parts) == 0 {
		return nil, errNoPart(words, names(all, guestsPart.title))
	}
	s, err := prepareGuests(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, p := range parts {
		r, err := p.measure(s, ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", p.name, err)
		}
		results = append(results, r...)
	}
	if words != "" {
		fmt.Fprintln(cfg.Out, Table(results))
		return nil, errSomeParts(len(parts), len(all))
	}
	return results, nil
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
