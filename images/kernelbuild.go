package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// The steps of a kernel build. Their weights are seconds on two processors.
const (
	stepVerify    = "verify"
	stepUnpack    = "unpack"
	stepConfigure = "configure"
	stepCompile   = "compile"
	stepLink      = "link"
	stepStrip     = "strip"
)

var kernelSteps = []step{
	{stepVerify, 1}, {stepUnpack, 14}, {stepConfigure, 8}, {stepCompile, 110}, {stepLink, 8}, {stepStrip, 1},
}

// kernelSpace is the room a kernel build needs in the cache: source without other machines'
// parts, object files, and some to spare.
const kernelSpace = 1 << 30

// lockPatience is how often a build asks whether another one of the same cache has ended.
const lockPatience = 300 * time.Millisecond

// BuildKernel returns the kernel of this source, the embedded fragments and patches, and
// this compiler from the cache, and builds it into the cache first if it is not there. One
// build runs at a time; another process waits for it and takes what it made.
//
// What the machine lacks is reported whole, as a *MissingError, before anything is begun; too
// little room as a *SpaceError; options that the kernel refuses as an *OptionsError; a
// failed compiler as a *CommandError that names the log.
func BuildKernel(ctx context.Context, cfg KernelConfig) (*Kernel, error) {
	cfg, err := cfg.fill()
	if err != nil {
		return nil, err
	}
	want, err := cfg.recipe(ctx)
	if err != nil {
		return nil, err
	}
	if k, err := findKernel(cfg.Cache, want); err == nil {
		return k, nil
	}
	if err := requireKernelBuild(ctx, cfg.Source); err != nil {
		return nil, err
	}
	if err := requireSpace(cfg.Cache, kernelSpace); err != nil {
		return nil, err
	}
	unlock, err := lockKernels(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if k, err := findKernel(cfg.Cache, want); err == nil {
		return k, nil // the build that held the lock made it
	}
	return cfg.buildInScratch(ctx, want)
}

// lockKernels waits until no other process builds a kernel in this cache.
func lockKernels(ctx context.Context, cfg KernelConfig) (unlock func() error, err error) {
	dir := kernelsDir(cfg.Cache)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make kernel folder: %w", err)
	}
	lock := flock.New(filepath.Join(dir, ".lock"))
	held, err := lock.TryLock()
	if err == nil && !held {
		cfg.Log.Info("waiting for another kernel build", "lock", lock.Path())
		if cfg.Progress != nil {
			fmt.Fprintln(cfg.Progress, "kernel: another process builds one; waiting for it")
		}
		_, err = lock.TryLockContext(ctx, lockPatience)
	}
	if err != nil {
		return nil, fmt.Errorf("lock kernel folder: %w", err)
	}
	return lock.Close, nil
}

// buildInScratch builds the kernel in a folder of its own and moves the result into the
// cache. The folder is kept only where its log explains a failure.
func (c KernelConfig) buildInScratch(ctx context.Context, want recipe) (*Kernel, error) {
	s, err := newScratch(c.Cache, "kernel")
	if err != nil {
		return nil, explainSpace(err, c.Cache)
	}
	tell := newProgress(c.Progress, "kernel", kernelSteps)
	b := &kernelBuild{cfg: c, dir: s.Dir, tell: tell, objects: expectedObjects(c.Cache)}
	k, err := b.all(ctx, want)
	var failed *CommandError
	if err = explainSpace(err, s.Dir); err != nil {
		tell.Stop()
		var full *SpaceError
		if !errors.As(err, &full) && errors.As(err, &failed) {
			failed.Log = b.logPath()
			s.Keep()
			return nil, err
		}
		return nil, errors.Join(err, s.Remove())
	}
	tell.Done(fmt.Sprintf("Linux %s built with %s of processor time", k.Version, b.spent.Round(time.Second)))
	return k, s.Remove()
}

// expectedObjects returns how many files the last build in this cache compiled, or what it
// was when this was written: the length of a progress bar, nothing more.
func expectedObjects(cache string) int {
	files, _ := filepath.Glob(filepath.Join(kernelsDir(cache), "*", kernelJSON))
	for _, path := range files {
		if file, err := readKernelFile(filepath.Dir(path)); err == nil && file.Objects > 0 {
			return file.Objects
		}
	}
	return 900
}
