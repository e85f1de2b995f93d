package images

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/silo-os/silo/images/initramfs"
	"github.com/silo-os/silo/internal/smallfs"
)

// module writes a Go module with these files into a new folder and returns the folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.org/shop\n\ngo 1.26\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const hello = "package main\n\nfunc main() { println(\"hello\") }\n"

// config returns what builds ./hello of a module with the fake kernel.
func config(t *testing.T, files map[string]string) Config {
	t.Helper()
	kernel := fakeKernel(t, "")
	return Config{Package: "./hello", Dir: module(t, files), Cache: kernel.Cache, Kernel: kernel}
}

func TestBuildImage(t *testing.T) {
	cfg := config(t, map[string]string{"hello/main.go": hello})
	img, err := Build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := img.Manifest
	if m.Name != "hello" || m.App.Package != "example.org/shop/hello" || m.App.Module != "example.org/shop" ||
		m.Init.Package != siloModule+"/images/init" || !strings.HasPrefix(m.App.GoVersion, "go1.") || m.Kernel.Version != "9.9.9" {
		t.Errorf("manifest %+v", m)
	}
	opened, err := Open(img.Dir)
	if err != nil || opened.Manifest != m {
		t.Errorf("opened %+v, %v; want what was built", opened, err)
	}
	archive, err := os.Open(img.InitramfsPath())
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := initramfs.Validate(archive); err != nil {
		t.Error(err)
	}
	if err := requirePVH(img.KernelPath()); err != nil {
		t.Error(err)
	}
	requireNothingLeft(t, cfg.Cache)
}

// TestImagesAreReproducible: other folders and another cache, the same bytes.
func TestImagesAreReproducible(t *testing.T) {
	files := map[string]string{"hello/main.go": hello}
	first := config(t, files)
	second := first
	second.Dir, second.Cache, second.Kernel.Cache = module(t, files), t.TempDir(), t.TempDir()
	one, err := Build(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Build(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{kernelELF, initramfsFile, manifestFile} {
		a, errA := os.ReadFile(filepath.Join(one.Dir, name))
		b, errB := os.ReadFile(filepath.Join(two.Dir, name))
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between two builds", name)
		}
	}
	again, err := Build(t.Context(), first)
	if err != nil || again.Dir != one.Dir {
		t.Errorf("built again as %+v, %v; want the image that was there", again, err)
	}
}

func TestBuildTakesABuiltProgram(t *testing.T) {
	cfg := config(t, map[string]string{"hello/main.go": hello})
	program := filepath.Join(cfg.Dir, "store")
	if err := (goTool{dir: cfg.Dir}).build(t.Context(), "./hello", program); err != nil {
		t.Fatal(err)
	}
	cfg.Package = "./store"
	img, err := Build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := fileDigest(program); img.Manifest.App.BuildID != want {
		t.Errorf("application %s, want %s as it is", img.Manifest.App.BuildID, want)
	}
}

// TestBuildRefuses: one clear error for each mistake, told by type and in words, before the
// kernel is built.
func TestBuildRefuses(t *testing.T) {
	dynamic, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	dir := module(t, map[string]string{
		"lib/lib.go":       "package lib\n",
		"broken/main.go":   "package main\n\nfunc main() {\n\tno such thing\n}\n",
		"unlinked/main.go": "package main\n\nimport \"example.org/nowhere\"\n\nfunc main() { nowhere.Run() }\n",
		"many/a/main.go":   hello, "many/b/main.go": hello,
	})
	for _, c := range []struct {
		name, pkg, dir string
		as             any
		say            string
	}{
		{"not main", "./lib", dir, new(*NotMainError), "package example.org/shop/lib is named lib, not main"},
		{"no such folder", "./absent", dir, new(*NoPackageError), "no package ./absent seen from " + dir},
		{"no such import path", "example.org/absent", dir, new(*NoPackageError), "example.org/absent"},
		{"several", "./many/...", dir, new(*NoPackageError), "2 packages match: name one"},
		{"none", "./lib/absent/...", dir, new(*NoPackageError), ""},
		{"no module", ".", t.TempDir(), new(*NoPackageError), "go"},
		{"syntax", "./broken", dir, new(*CommandError), "broken/main.go:4"},
		{"unresolved import", "./unlinked", dir, new(*CommandError), "example.org/nowhere"},
		{"dynamic program", dynamic, dir, new(*NotStaticError), "needs the loader /lib64/ld-linux"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := t.TempDir()
			_, err := Build(t.Context(), Config{Package: c.pkg, Dir: c.dir, Cache: cache, Kernel: KernelConfig{Source: "/absent"}})
			if !errors.As(err, c.as) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("error %T %v\nwant %T that says %q", err, err, c.as, c.say)
			}
			requireNothingLeft(t, cache)
		})
	}
}

func TestCompilerErrorShowsOutputAndStatus(t *testing.T) {
	dir := module(t, map[string]string{"main.go": "package main\n\nfunc main() { undefined() }\n"})
	_, err := Build(t.Context(), Config{Package: ".", Dir: dir, Cache: t.TempDir()})
	var failed *CommandError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want *CommandError", err)
	}
	if !strings.Contains(failed.Output, "main.go:3:15: undefined: undefined") || !strings.Contains(err.Error(), "compile .: exit status 1") {
		t.Errorf("error %q, output %q", err, failed.Output)
	}
}

func TestBuildWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Build(t.Context(), Config{Package: ".", Dir: t.TempDir(), Cache: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("error %v, want it to say what to install", err)
	}
}

func TestBuildIsCancelled(t *testing.T) {
	cfg := config(t, map[string]string{"hello/main.go": hello})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	requireNothingLeft(t, cfg.Cache)
}

// smallDisk mounts a file system of a given size and returns its folder.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	smallfs.Mount(t, dir, size)
	return dir
}

func TestNoRoomInCache(t *testing.T) {
	disk := smallDisk(t, "512k")
	cfg := config(t, map[string]string{"hello/main.go": hello})
	cfg.Cache = disk
	_, err := Build(t.Context(), cfg)
	var full *SpaceError
	if !errors.As(err, &full) || !strings.HasPrefix(full.Dir, disk) || !strings.Contains(err.Error(), "no room in "+disk) {
		t.Errorf("error %v, want *SpaceError about %s", err, disk)
	}
	requireNothingLeft(t, disk)
}

func TestNoRoomForKernel(t *testing.T) {
	disk := smallDisk(t, "16m")
	cfg := fakeKernel(t, "")
	cfg.Cache = disk
	_, err := BuildKernel(t.Context(), cfg)
	var full *SpaceError
	if !errors.As(err, &full) || full.Need != kernelSpace {
		t.Errorf("error %v, want *SpaceError before anything is begun", err)
	}

	filled := fakeKernel(t, "echo 'cannot write: No space left on device' >&2; exit 1") // ran out halfway
	_, err = BuildKernel(t.Context(), filled)
	if !errors.As(err, &full) {
		t.Errorf("error %v, want *SpaceError", err)
	}
	requireNothingLeft(t, filled.Cache) // room is what is short: nothing is kept
}

// TestNoRoomInTmp: a full /tmp does not matter, and a full GOTMPDIR is named.
func TestNoRoomInTmp(t *testing.T) {
	disk := smallDisk(t, "64k")
	cfg := config(t, map[string]string{"hello/main.go": hello})
	t.Setenv("TMPDIR", disk)
	if _, err := Build(t.Context(), cfg); err != nil {
		t.Errorf("with a full TMPDIR: %v", err)
	}
	t.Setenv("GOTMPDIR", disk)
	_, err := Build(t.Context(), cfg)
	var full *SpaceError
	if !errors.As(err, &full) || full.Dir != disk {
		t.Errorf("with a full GOTMPDIR: %v, want *SpaceError about %s", err, disk)
	}
}
