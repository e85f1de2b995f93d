package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
	"github.com/silo-os/silo/internal/importrules"
)

// Config says where the checks run.
type Config struct {
	Dir string // root of the module

	// Long has the VM tests go through all pairs of a fault and the moment it comes at, where they otherwise take each
	// fault and each moment once.
	Long bool
}

// run carries what one step finds out for the next ones.
type run struct {
	dir    string
	long   bool
	pkgs   Packages
	kernel string // path
}

// All is every check, from cheap to dear.
func All(cfg Config) []Step {
	r := &run{dir: cfg.Dir, long: cfg.Long}
	return []Step{
		{"packages", r.setup},
		Formatted(cfg.Dir),
		{"vet", r.vet},
		{"staticcheck", r.staticcheck},
		{"import rules", r.imports},
		{"unit tests", r.unit},
		{"guest kernel", r.buildKernel},
		{"VM tests", r.vm},
	}
}

func (r *run) setup(ctx context.Context, out io.Writer) error {
	if err := devsetup.Ensure(ctx, devsetup.Machine(out), devsetup.Test, devsetup.VM, devsetup.Kernel); err != nil {
		return err
	}
	pkgs, err := findPackages(ctx, r.dir)
	r.pkgs = pkgs
	return err
}

func (r *run) vet(ctx context.Context, out io.Writer) error {
	if err := goRun(ctx, r.dir, out, nil, append([]string{"vet"}, r.pkgs.All()...)...); err != nil {
		return err
	}
	return goRun(ctx, r.dir, out, nil, "vet", "-tags=mage", "./magefiles")
}

// staticcheck remembers what it found by what the packages are, and with the folder in which it found it first. So what it finds
// is asked for once more, by the packages of this very folder.
func (r *run) staticcheck(ctx context.Context, out io.Writer) error {
	args := append([]string{"tool", "staticcheck"}, r.pkgs.All()...)
	if goRun(ctx, r.dir, io.Discard, nil, args...) == nil {
		return nil
	}
	return goRun(ctx, r.dir, out, []string{"GOFLAGS=" + os.Getenv("GOFLAGS") + " -trimpath=false"}, args...)
}

func (r *run) imports(ctx context.Context, out io.Writer) error {
	packages, err := importrules.List(ctx, r.dir)
	if err != nil {
		return err
	}
	lines := importrules.Check(importrules.Rules, packages)
	for _, l := range lines {
		fmt.Fprintln(out, l)
	}
	if len(lines) > 0 {
		return fmt.Errorf("%d imports break the rules", len(lines))
	}
	return nil
}

// unit has no go vet of its own: all packages have been through it. The worlds that are simulated have one goroutine each: the race
// detector would see nothing there, and takes most of a minute for it. They run beside the others, and are told of behind them. Three
// packages at a time are more than there may be processors, because each has its waits.
func (r *run) unit(ctx context.Context, out io.Writer) error {
	var worlds bytes.Buffer
	simulated := make(chan error)
	go func() { simulated <- goRun(ctx, r.dir, &worlds, nil, "test", "-vet=off", simPackage) }()
	rest := slices.DeleteFunc(longestFirst(r.pkgs.Unit), func(pkg string) bool { return pkg == simPackage })
	err := goRun(ctx, r.dir, out, nil, append([]string{"test", "-race", "-vet=off", "-p=3"}, rest...)...)
	err = errors.Join(err, <-simulated)
	_, told := worlds.WriteTo(out)
	return errors.Join(err, told)
}

func (r *run) buildKernel(ctx context.Context, out io.Writer) error {
	kernel, err := images.BuildKernel(ctx, images.KernelConfig{Progress: out})
	if err != nil {
		return err
	}
	r.kernel = kernel.Path
	return nil
}

// vm runs the tests that boot machines. What those measure that want the whole machine would be another's doing, so
// they run before the others, of which three packages run at a time: each has its waits. CI=true makes them fail rather than skip.
// The race detector makes half as long again of it, and is for who has the time: the cores' own tests have it. No result is taken from
// Go's cache, which knows nothing of the programs that the tests build and boot.
func (r *run) vm(ctx context.Context, out io.Writer) error {
	checkout, err := KnowsCheckout(r.dir)
	if err != nil {
		return err
	}
	env := []string{"CI=true", "SILO_TEST_KERNEL=" + r.kernel}
	args := []string{"test", "-vet=off", "-count=1", checkout}
	if r.long {
		args = append(args, "-timeout=30m", "-race")
	} else {
		args = append(args, "-timeout=15m", "-short")
	}
	return errors.Join(
		goRun(ctx, r.dir, out, env, slices.Concat(args, []string{"-run=" + aloneTests, alonePackage})...),
		goRun(ctx, r.dir, out, env, slices.Concat(args, []string{"-skip=" + aloneTests, "-p=3"}, longestFirst(r.pkgs.VM))...))
}
