package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/vmtesting"
)

// withInit is a copy of the test's image in which the archive has nothing but an init of the test's own.
func withInit(t *testing.T, pkg string) *images.Image {
	t.Helper()
	image, err := appImage(t).CopyTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(vmtesting.Initramfs(t, pkg))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive)
	image.Manifest.Initramfs = images.DigestedFile{Digest: hex.EncodeToString(sum[:]), Size: int64(len(archive))}
	manifest, err := json.Marshal(image.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{image.InitramfsPath(): archive, filepath.Join(image.Dir, "manifest.json"): manifest} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

func TestGuestPanicsAtBoot(t *testing.T) {
	t.Parallel()
	image := withInit(t, "./testdata/dies")
	silo(t, nil, "run", image.Dir).wants(123, "silo: guest kernel panicked: Attempted to kill init!",
		"If it happens at each start the image is broken: build it again.", "dying init: bye")
}

func TestGuestNeverSaysHello(t *testing.T) {
	t.Parallel()
	image := withInit(t, "./testdata/deaf")
	silo(t, nil, "run", image.Dir, "--hello-within", "5s", "--name", "mute").wants(124, "silo: guest mute did not say hello within 5s\n",
		"deaf init: sleeping", "Is it an image that silo built? If it only needs more time, give it --hello-within.")
}

func TestDamagedImage(t *testing.T) {
	t.Parallel()
	image, err := appImage(t).CopyTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(image.KernelPath(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("x")
	f.Close()
	silo(t, nil, "run", image.Dir).wants(125, "bytes and should have", "build it again")
}

// TestQEMUDiesAtStart has a program in QEMU's place that says something and ends.
func TestQEMUDiesAtStart(t *testing.T) {
	dir := appImage(t).Dir
	bin := t.TempDir()
	script := "#!/bin/sh\necho 'qemu-system-x86_64: cannot set up guest memory: out of luck' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "qemu-system-x86_64"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"), "SILO_ACCEL=tcg"}
	p := silo(t, env, "run", dir)
	p.wants(125, "cannot set up guest memory: out of luck")
	if n := strings.Count(strings.TrimSpace(p.err.String()), "\n"); n != 0 {
		t.Errorf("more than one line: %q", p.err.String())
	}
}
