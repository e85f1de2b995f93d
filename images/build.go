package images

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/silo-os/silo/images/initramfs"
)

// Config says what image to build. Only Package must be set.
type Config struct {
	Package  string       // the application: an import path, path@version, ./folder, or the path of a built static program
	Dir      string       // where Package is looked up; "" = the current folder
	Kernel   KernelConfig // its Cache, Progress and Log default to those below
	Cache    string       // "" = $SILO_CACHE, or else silo's folder in the user's cache
	Progress io.Writer    // nil = silent
	Log      *slog.Logger // nil = silent
	Tags     []string     // build tags of the application, besides netgo and osusergo
	Files    []File       // of the guest, besides the programs, TLS roots and time zones; Source is looked up in Dir

	// RefuseAfter is how long a thread may wait for memory that the host does not grant before the
	// application is ended, with the cause told; 0 = for ever. It stands in the manifest.
	RefuseAfter time.Duration
}

// The steps of an image. Their weights are seconds with a warm build cache of Go.
const (
	stepPrograms = "compile"
	stepPack     = "pack"
)

var imageSteps = []step{{stepPrograms, 5}, {stepPack, 1}}

// fill puts the defaults into the empty fields.
func (c Config) fill() (Config, error) {
	cache, err := cacheRoot(c.Cache)
	if err != nil {
		return c, err
	}
	c.Cache = cache
	if c.Dir == "" {
		if c.Dir, err = os.Getwd(); err != nil {
			return c, fmt.Errorf("build image: %w", err)
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Kernel.Cache == "" {
		c.Kernel.Cache = c.Cache
	}
	if c.Kernel.Progress == nil {
		c.Kernel.Progress = c.Progress
	}
	if c.Kernel.Log == nil {
		c.Kernel.Log = c.Log
	}
	return c, nil
}

// Build makes the image of an application: it compiles application and PID 1 into static
// programs, gets the kernel by BuildKernel, and packs them. The image is in the cache; the
// same inputs give the same one, byte for byte.
//
// Errors that a caller may want to tell apart: *NoPackageError, *UnpublishedError, *NotMainError,
// *CommandError (the application does not compile: Output is the compiler's), *NotStaticError,
// *SpaceError, and those of BuildKernel.
func Build(ctx context.Context, cfg Config) (*Image, error) {
	cfg, err := cfg.fill()
	if err != nil {
		return nil, err
	}
	s, err := newScratch(cfg.Cache, "image")
	if err != nil {
		return nil, explainSpace(err, cfg.Cache)
	}
	defer s.Remove()
	tell := newProgress(cfg.Progress, "image", imageSteps)
	img, err := cfg.buildIn(ctx, s.Dir, tell)
	if err != nil {
		tell.Stop()
		return nil, explainSpace(err, s.Dir)
	}
	tell.Done(fmt.Sprintf("%s ready", img.Manifest.Name))
	return img, nil
}

// buildIn builds the image with scratch as its folder. The programs come first: they fail
// within seconds, and a kernel takes minutes.
func (c Config) buildIn(ctx context.Context, scratch string, tell *progress) (*Image, error) {
	tell.Begin(stepPrograms)
	content, err := c.programs(ctx, scratch)
	if err != nil {
		return nil, err
	}
	kernel, err := BuildKernel(ctx, c.Kernel)
	if err != nil {
		return nil, err
	}
	tell.Begin(stepPack)
	out := filepath.Join(scratch, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	if err := packInitramfs(filepath.Join(out, initramfsFile), content); err != nil {
		return nil, err
	}
	if err := linkOrCopy(kernel.Path, filepath.Join(out, kernelELF)); err != nil {
		return nil, fmt.Errorf("add kernel to image: %w", err)
	}
	manifest, err := c.describe(out, content, kernel)
	if err != nil {
		return nil, fmt.Errorf("describe image: %w", err)
	}
	if err := writeJSON(filepath.Join(out, manifestFile), manifest); err != nil {
		return nil, err
	}
	return storeImage(ctx, c.Cache, out, manifest)
}

// describe makes the manifest of the image whose files are in the folder out.
func (c Config) describe(out string, content initramfs.Content, kernel *Kernel) (Manifest, error) {
	m := Manifest{
		Kernel:        KernelFile{kernel.Version, DigestedFile{kernel.Digest, kernel.Size}},
		RefuseAfterMS: c.RefuseAfter.Milliseconds(),
	}
	var err error
	if m.App, err = describeProgram(content.App); err != nil {
		return m, err
	}
	if m.Init, err = describeProgram(content.Init); err != nil {
		return m, err
	}
	if m.Initramfs, err = digestFile(filepath.Join(out, initramfsFile)); err != nil {
		return m, err
	}
	m.Name = programName(m.App, content.App)
	return m, nil
}

// key names an image in the cache.
func (m Manifest) key() (string, error) {
	data, err := json.Marshal(m)
	return shortDigest(data), err
}
