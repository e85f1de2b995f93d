package boottest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/images/disk"
	"github.com/silo-os/silo/images/initramfs"
	"github.com/silo-os/silo/internal/vmtesting"
)

// aloneImage is an image of testdata/alone with the kernel that the tests were given.
func aloneImage(t *testing.T) *images.Image {
	t.Helper()
	img := &images.Image{Dir: t.TempDir()}
	content := initramfs.Content{Init: filepath.Join(img.Dir, "init"), App: filepath.Join(img.Dir, "app")}
	for out, pkg := range map[string]string{content.Init: "../init", content.App: "./testdata/alone"} {
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	archive, err := os.Create(img.InitramfsPath())
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := initramfs.Write(archive, content); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(vmtesting.RequireKernel(t), img.KernelPath()); err != nil {
		t.Fatal(err)
	}
	for path, file := range map[string]*images.DigestedFile{img.KernelPath(): &img.Manifest.Kernel.DigestedFile, img.InitramfsPath(): &img.Manifest.Initramfs} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		*file = images.DigestedFile{Digest: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	}
	return img
}

// TestDiskBoots boots a disk as anybody would who has never heard of silo, on the machine that QEMU makes by default. The
// guest has what the machine has, says how its application ended, and switches the machine off.
func TestDiskBoots(t *testing.T) {
	qemu := vmtesting.RequireQEMU(t)
	path := filepath.Join(t.TempDir(), "alone.img")
	if err := disk.Write(t.Context(), aloneImage(t), path, disk.Config{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, qemu, "-nographic", "-m", "256", "-smp", "2", "-drive", "file="+path+",format=raw").CombinedOutput()
	if err != nil {
		t.Errorf("QEMU ended with %v", err)
	}
	for _, want := range []string{
		`alone: 100 of 256 MiB are refused with: <nil>`,
		`alone: vCPUs when two are wanted: 2`,
		`alone: 1 GiB is refused for good: true`,
		`alone: it is 2024 or later: true`,
		`silo: the application has ended: exit, exit code 3`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `\r*$`).Match(out) {
			t.Errorf("not said: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
