package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// kernelBuild is one build of a kernel in a folder of its own: the source is in src, what
// goes into the cache in out, all that the programs say in build.log.
type kernelBuild struct {
	cfg     KernelConfig
	dir     string
	tell    *progress
	objects int // expected
	log     *os.File
	spent   time.Duration // processor time of all programs
}

func (b *kernelBuild) src() string     { return filepath.Join(b.dir, "src") }
func (b *kernelBuild) out() string     { return filepath.Join(b.dir, "out") }
func (b *kernelBuild) logPath() string { return filepath.Join(b.dir, "build.log") }

// all runs the steps in order and returns the kernel in the cache.
func (b *kernelBuild) all(ctx context.Context, want recipe) (*Kernel, error) {
	log, err := os.Create(b.logPath())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	b.log = log
	for _, dir := range []string{b.src(), b.out(), filepath.Join(b.dir, "tmp")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	b.tell.Begin(stepVerify) // done while the recipe was made
	if err := b.unpack(ctx); err != nil {
		return nil, err
	}
	if err := b.configure(ctx); err != nil {
		return nil, err
	}
	compiled, err := b.compile(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.strip(ctx); err != nil {
		return nil, err
	}
	return b.store(ctx, want, compiled)
}

// environ is the whole environment of the build: nothing of the caller's decides what comes
// out, and nothing tells when and where it was made.
func (b *kernelBuild) environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TMPDIR=" + filepath.Join(b.dir, "tmp"), "LC_ALL=C",
		"KBUILD_BUILD_TIMESTAMP=1970-01-01", "KBUILD_BUILD_VERSION=1",
		"KBUILD_BUILD_USER=silo", "KBUILD_BUILD_HOST=silo",
		// git takes the folder for no part of a repository that may be around it.
		"GIT_CEILING_DIRECTORIES=" + b.dir, "GIT_CONFIG_NOSYSTEM=1",
	}
}

func (b *kernelBuild) command(doing, dir string, argv ...string) command {
	return command{doing: doing, dir: dir, env: b.environ(), argv: argv, log: b.log, spent: &b.spent}
}

func (b *kernelBuild) make(doing string, args ...string) command {
	argv := append([]string{"make", fmt.Sprintf("-j%d", b.cfg.Jobs), "KCFLAGS=" + kernelFlags}, args...)
	return b.command(doing, b.src(), argv...)
}

// configure makes the configuration of the fragments' options and nothing else, and sees
// that the kernel kept every one of them.
func (b *kernelBuild) configure(ctx context.Context) error {
	b.tell.Begin(stepConfigure)
	options, err := mergeFragments(b.cfg.files, "kernel")
	if err != nil {
		return err
	}
	merged := filepath.Join(b.dir, "merged.config")
	if err := os.WriteFile(merged, []byte(configText(options)), 0o644); err != nil {
		return err
	}
	if err := b.make("configure kernel", "KCONFIG_ALLCONFIG="+merged, "allnoconfig").run(ctx); err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(b.src(), ".config"))
	if err != nil {
		return err
	}
	return checkOptions(options, string(config))
}

// compile compiles and links vmlinux and returns how many files it compiled.
func (b *kernelBuild) compile(ctx context.Context) (objects int, err error) {
	b.tell.Begin(stepCompile)
	linking := false
	c := b.make("compile kernel", "vmlinux")
	c.line = func(line string) {
		what, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case what == "LD" && strings.TrimSpace(file) == "vmlinux.o":
			linking = true
			b.tell.Begin(stepLink)
		case what == "CC" && !linking:
			objects++
			b.tell.Within(float64(objects)/float64(b.objects), fmt.Sprintf("%d of about %d files", objects, max(b.objects, objects)))
		}
	}
	return objects, c.run(ctx)
}

// strip takes the symbols out of the kernel; System.map keeps them.
func (b *kernelBuild) strip(ctx context.Context) error {
	b.tell.Begin(stepStrip)
	return b.command("strip kernel", b.src(), "strip", "-s", "-R", ".comment",
		"-o", filepath.Join(b.out(), kernelELF), "vmlinux").run(ctx)
}

// store completes the folder out and moves it into the cache.
func (b *kernelBuild) store(ctx context.Context, want recipe, objects int) (*Kernel, error) {
	path := filepath.Join(b.out(), kernelELF)
	if err := requirePVH(path); err != nil {
		return nil, err
	}
	release, err := os.ReadFile(filepath.Join(b.src(), "include/config/kernel.release"))
	if err != nil {
		return nil, err
	}
	digest, err := fileDigest(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	for to, from := range map[string]string{kernelConfig: ".config", kernelMap: "System.map"} {
		if err := os.Rename(filepath.Join(b.src(), from), filepath.Join(b.out(), to)); err != nil {
			return nil, err
		}
	}
	file := kernelFile{Version: strings.TrimSpace(string(release)), Digest: digest, Size: info.Size(), Recipe: want,
		Objects: objects, CPUSeconds: b.spent.Seconds()}
	if err := writeJSON(filepath.Join(b.out(), kernelJSON), file); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir := filepath.Join(kernelsDir(b.cfg.Cache), want.key())
	if err := replaceDir(b.out(), dir); err != nil {
		return nil, err
	}
	return openKernel(dir)
}
