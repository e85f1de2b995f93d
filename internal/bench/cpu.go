package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// cpuSubject is what boots: the load program in silo's image, and the same program under another first process
// with silo's kernel and with the distribution's.
type cpuSubject struct {
	stockHost
	image   *images.Image
	archive string // the load program with cpuagent as /init
}

// cpuPart is one measurement of the cpu benchmark. It makes the results of its bars.
type cpuPart struct {
	name    string
	measure func(context.Context, cpuSubject, Config) ([]Result, error)
}

func (p cpuPart) title() string { return p.name }

// cpuParts are all there are, in the order in which they run.
func cpuParts() []cpuPart {
	return []cpuPart{
		{"grant", measureGrants},
		{"parked", measureParked},
		{"steady", measureSteady},
		{"contended", measureContended},
		{"antiphase", measureAntiphase},
	}
}

// CPU measures how a guest's vCPUs follow its load, by silo and by the other ways there are. With a selection of
// parts it says by an error that bars are missing.
func CPU(ctx context.Context, cfg Config) ([]Result, error) {
	all, words := cpuParts(), os.Getenv(cellsEnv)
	parts := pick(all, words, cpuPart.title)
	if len(parts) == 0 {
		return nil, errNoPart(words, names(all, cpuPart.title))
	}
	s, err := prepareCPU(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, p := range parts {
		r, err := p.measure(ctx, s, cfg)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", p.name, err)
		}
		results = append(results, r...)
	}
	if len(parts) < len(all) {
		fmt.Fprintln(cfg.Out, Table(results))
		return nil, errSomeParts(len(parts), len(all))
	}
	return results, nil
}

func prepareCPU(ctx context.Context, cfg Config) (s cpuSubject, err error) {
	machine := devsetup.Machine(cfg.Out)
	if err := devsetup.Ensure(ctx, machine, devsetup.VM, devsetup.Kernel, devsetup.Stock); err != nil {
		return s, err
	}
	build := func(name string) (*images.Image, error) {
		return images.Build(ctx, images.Config{Package: "./internal/bench/" + name, Dir: cfg.Dir, Progress: cfg.Out})
	}
	if s.image, err = build("cpuload"); err != nil {
		return s, err
	}
	agent, err := build("cpuagent")
	if err != nil {
		return s, err
	}
	if s.stockHost, err = findStockHost(ctx, machine); err != nil {
		return s, err
	}
	s.archive = filepath.Join(s.dir, "cpuload.cpio")
	return s, underInit(agent.InitramfsPath(), s.image.InitramfsPath(), s.archive)
}
