package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/images"
)

// suite is the tests of one package, which are run twice.
type suite struct {
	pkg string
	dir string // scratch folder
	out io.Writer

	program string // the compiled tests
	root    string // copy of the package's folder, below what stands for GOROOT
	image   *images.Image
}

const (
	compatRoot   = "/usr/local/go"  // of the package's files in the guest
	compatWithin = 7 * time.Minute  // for the tests of one package in the guest
	compatLate   = 30 * time.Second // beyond that: to boot, and to be told

	compatMemory = 192 << 20 // at boot: the archive of runtime's tests and sources is 40 MiB
	compatMost   = 1 << 30
)

// race runs the tests on the host and in a guest. What fails is run once more, by itself: emulated, a test that counts
// on time may fail for want of it.
func (s *suite) race(ctx context.Context) (host, guest results, err error) {
	if err := s.prepare(ctx); err != nil {
		return nil, nil, err
	}
	if host, err = s.twice(ctx, "host", s.onHost); err != nil {
		return nil, nil, err
	}
	guest, err = s.twice(ctx, "guest", s.inGuest)
	return host, guest, err
}

// prepare compiles the tests, copies what they read, and packs both.
func (s *suite) prepare(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("find Go: %w", err)
	}
	source := strings.TrimSpace(string(out))
	s.root = filepath.Join(s.dir, "go")
	for _, part := range []string{filepath.Join("src", filepath.FromSlash(s.pkg)), "src/testdata", "lib/time"} {
		if err := os.CopyFS(filepath.Join(s.root, part), os.DirFS(filepath.Join(source, part))); err != nil {
			return fmt.Errorf("copy sources: %w", err)
		}
	}
	s.program = filepath.Join(s.dir, filepath.Base(s.pkg)+".test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-tags=netgo,osusergo", "-o", s.program, s.pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("compile: %w\n%s", err, out)
	}
	s.image, err = images.Build(ctx, images.Config{Package: s.program, Files: []images.File{{Path: compatRoot, Source: s.root}}})
	return err
}

// twice runs all tests, and those that failed again.
func (s *suite) twice(ctx context.Context, where string, run func(context.Context, []string) ([]byte, error)) (results, error) {
	began := time.Now()
	first, err := s.once(ctx, run, "")
	if err != nil {
		return nil, fmt.Errorf("on the %s: %w", where, err)
	}
	fmt.Fprintf(s.out, "%-8s  on the %s in %v: %v\n", s.pkg, where, time.Since(began).Round(time.Second), first)
	again := first.failures()
	if len(again) == 0 {
		return first, nil
	}
	fmt.Fprintf(s.out, "%-8s  on the %s once more: %s\n", s.pkg, where, strings.Join(again, ", "))
	for i, name := range again {
		again[i] = regexp.QuoteMeta(name)
	}
	second, err := s.once(ctx, run, "^("+strings.Join(again, "|")+")$")
	if err != nil {
		return nil, fmt.Errorf("on the %s: %w", where, err)
	}
	for name, t := range second {
		first[name] = t
	}
	return first, nil
}

// once runs the tests whose names match; "" = all.
func (s *suite) once(ctx context.Context, run func(context.Context, []string) ([]byte, error), match string) (results, error) {
	args := []string{"-test.v=test2json", "-test.short", "-test.timeout=" + compatWithin.String(), "-test.paniconexit0"}
	if match != "" {
		args = append(args, "-test.run="+match)
	}
	said, err := run(ctx, args)
	if err != nil {
		return nil, err
	}
	convert := exec.CommandContext(ctx, "go", "tool", "test2json", "-p", s.pkg)
	convert.Stdin = bytes.NewReader(said)
	events, err := convert.Output()
	if err != nil {
		return nil, fmt.Errorf("read output of tests: %w", err)
	}
	found, err := decodeResults(bytes.NewReader(events))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no test was run: %.2000q", said)
	}
	return found, err
}

// environ is what a guest's program has, and on the host as much of it as exists: neither finds a program to call.
func (s *suite) environ(root, tmp string) []string {
	return []string{"PATH=/app", "HOME=/", "TMPDIR=" + tmp, "GOROOT=" + root, "GODEBUG="}
}

// onHost runs the tests here. That some fail is no error.
func (s *suite) onHost(ctx context.Context, args []string) ([]byte, error) {
	tmp := filepath.Join(s.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, s.program, args...)
	c.Dir = filepath.Join(s.root, "src", filepath.FromSlash(s.pkg))
	c.Env = s.environ(s.root, tmp)
	out, err := c.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		return nil, fmt.Errorf("run tests: %w", err)
	}
	return out, nil
}

// inGuest runs the tests as the application of a guest.
func (s *suite) inGuest(ctx context.Context, args []string) ([]byte, error) {
	n, err := node.New(node.Config{})
	if err != nil {
		return nil, err
	}
	defer n.Close()
	ctx, cancel := context.WithTimeout(ctx, compatWithin+compatLate)
	defer cancel()
	var said bytes.Buffer // written by one goroutine, which is done when the guest is
	var log bytes.Buffer
	exit, err := n.Run(ctx, node.GuestSpec{
		Kernel: s.image.KernelPath(), Initramfs: s.image.InitramfsPath(), Args: args, Env: s.environ(compatRoot, "/tmp"),
		Dir:    compatRoot + "/src/" + s.pkg,
		Memory: node.Memory{Min: compatMemory, Max: compatMost}, CPU: node.CPU{MinMilli: 1000, MaxMilli: 2000},
		Stdout: &said, Stderr: &said, InitLog: &log, Console: &log,
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.out, "%-8s  guest: %s\n%s", s.pkg, exit.Text, indent(log.String()))
	return said.Bytes(), nil
}
