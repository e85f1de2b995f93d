package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/silo-os/silo/host/manifest"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/images/oci"
)

// sourceEnv names the variable that --kernel-source stands for.
const sourceEnv = "SILO_KERNEL_SOURCE"

// imageOptions are the flags of whatever may build an image.
type imageOptions struct {
	source  string
	tags    []string
	verbose bool

	refuseAfter waitFlag

	file     string             // path of the manifest, as given
	manifest *manifest.Manifest // nil = there is none
}

func (o *imageOptions) register(f *pflag.FlagSet) {
	f.StringVar(&o.source, "kernel-source", "", "`archive` with the kernel's source (default $"+sourceEnv+", else the distribution's package)")
	f.StringSliceVar(&o.tags, "tags", nil, "build `tags` for the application")
	f.Var(&o.refuseAfter, "refuse-after", "how long a thread may wait for memory that the host does not grant before the application is ended, such as 30s; 0 = for ever (default: the image's, else for ever)")
	manifestFlag(f, &o.file)
	f.BoolVar(&o.verbose, "verbose", false, "tell what happens, on standard error")
}

// log is silo's own log: everything with --verbose, else what needs attention.
func (o *imageOptions) log(w *world) *slog.Logger {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w.stderr, &slog.HandlerOptions{Level: level}))
}

// image opens what is a folder with an image, brings what is in a registry or a layout, and builds anything else.
func (o *imageOptions) image(ctx context.Context, w *world, what string) (*images.Image, error) {
	open := opener(what)
	if open == nil {
		return o.build(ctx, w, what)
	}
	if o.manifest != nil && len(o.manifest.Files) > 0 {
		return nil, o.manifest.Fault(o.manifest.Files[0].Text, "files: %s is an image, which has its files: give them to silo build", what)
	}
	return open(ctx)
}

// opener is how an image is come by that somebody has made; nil where the name is that of something to build.
func opener(what string) func(context.Context) (*images.Image, error) {
	switch {
	case strings.HasPrefix(what, oci.Scheme):
		return func(ctx context.Context) (*images.Image, error) { return oci.Pull(ctx, "", what) }
	case oci.IsLayout(what):
		return func(ctx context.Context) (*images.Image, error) { return oci.ReadLayout(ctx, "", what) }
	case isImage(what):
		return func(context.Context) (*images.Image, error) { return images.Open(what) }
	}
	return nil
}

// isImage reports whether a name is a folder that silo build wrote.
func isImage(name string) bool {
	info, err := os.Stat(filepath.Join(name, "manifest.json"))
	return err == nil && info.Mode().IsRegular()
}

func (o *imageOptions) build(ctx context.Context, w *world, pkg string) (*images.Image, error) {
	source := o.source
	if source == "" {
		source, _ = w.lookupEnv(sourceEnv)
	}
	log := o.log(w)
	cfg := images.Config{Package: goPackage(pkg), Tags: o.tags, Files: manifestFiles(o.manifest), RefuseAfter: o.refuseAfter.wait, Log: log, Kernel: images.KernelConfig{Source: source, Log: log}}
	if _, err := images.FindKernel(cfg.Kernel); err != nil || isTerminal(w.stderr) {
		cfg.Progress = w.stderr // what takes seconds is nothing to write into a log
	}
	image, err := images.Build(ctx, cfg)
	if why := context.Cause(ctx); err != nil && why != nil && !errors.Is(why, context.Canceled) {
		return nil, why
	}
	return image, err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// goPackage makes a folder given without a leading dot, such as examples/hello, what the go command takes for a folder.
func goPackage(name string) string {
	info, err := os.Stat(name)
	if err == nil && info.IsDir() && !filepath.IsAbs(name) && fs.ValidPath(filepath.ToSlash(filepath.Clean(name))) {
		return "./" + filepath.ToSlash(filepath.Clean(name))
	}
	return name
}
