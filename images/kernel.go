package images

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// Kernel is a guest kernel in the cache. Its folder holds vmlinux, config, System.map (to
// name the addresses of a panic: the kernel itself has no symbols) and kernel.json.
type Kernel struct {
	Path       string // vmlinux: a stripped ELF file with a PVH entry point
	Version    string // "6.1.192"
	Digest     string // SHA-256 of vmlinux, in hexadecimal
	Key        string // of its source, configuration and compiler
	ConfigPath string // the kernel's .config
	Size       int64  // bytes of vmlinux
}

// KernelConfig says from what to build a kernel and where to keep it. The zero value is right.
type KernelConfig struct {
	Source   string       // archive of the kernel's source; "" = that of Debian's linux-source-6.1
	Cache    string       // "" = $SILO_CACHE, or else silo's folder in the user's cache
	Progress io.Writer    // steps, percentage and time left; a bar on a terminal; nil = silent
	Jobs     int          // compilers at once; 0 = one for each processor
	Log      *slog.Logger // nil = silent

	files fs.FS // fragments and patches; nil = those of this package
}

// fill puts the defaults into the empty fields.
func (c KernelConfig) fill() (KernelConfig, error) {
	if c.Source == "" {
		c.Source = defaultSource
	}
	if c.Jobs <= 0 {
		c.Jobs = runtime.NumCPU()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.files == nil {
		c.files = kernelFiles
	}
	cache, err := cacheRoot(c.Cache)
	c.Cache = cache
	return c, err
}

// FindKernel returns the kernel that BuildKernel would build, if the cache holds it, and
// ErrKernelNotBuilt otherwise. Source and compiler need not be there any more: then any
// kernel of the same fragments and patches will do.
func FindKernel(cfg KernelConfig) (*Kernel, error) {
	cfg, err := cfg.fill()
	if err != nil {
		return nil, err
	}
	want, err := cfg.recipe(context.Background())
	if err != nil {
		return nil, err
	}
	return findKernel(cfg.Cache, want)
}

// recipe returns what the machine would build a kernel from. Source and Compiler are empty
// when they are not there.
func (c KernelConfig) recipe(ctx context.Context) (recipe, error) {
	config, err := configDigest(c.files)
	if err != nil {
		return recipe{}, err
	}
	source, err := sourceDigest(c.Cache, c.Source)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return recipe{}, err
	}
	compiler, err := compilerVersion(ctx)
	if err != nil && ctx.Err() != nil {
		return recipe{}, ctx.Err()
	}
	return recipe{Source: source, Config: config, Compiler: compiler}, nil
}

// findKernel looks a kernel up by its recipe, or by as much of it as is known.
func findKernel(cache string, want recipe) (*Kernel, error) {
	if want.Source != "" && want.Compiler != "" {
		return openKernel(filepath.Join(kernelsDir(cache), want.key()))
	}
	files, err := filepath.Glob(filepath.Join(kernelsDir(cache), "*", kernelJSON))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		file, err := readKernelFile(filepath.Dir(path))
		if err == nil && file.Recipe.Config == want.Config &&
			(want.Source == "" || file.Recipe.Source == want.Source) &&
			(want.Compiler == "" || file.Recipe.Compiler == want.Compiler) {
			return openKernel(filepath.Dir(path))
		}
	}
	return nil, ErrKernelNotBuilt
}
