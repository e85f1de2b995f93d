package boottest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/images/disk"
	"github.com/silo-os/silo/images/initramfs"
	"github.com/silo-os/silo/internal/lockedbuf"
	"github.com/silo-os/silo/internal/vmtesting"
)

// aloneImage is an image of a program with the kernel that the tests were given.
func aloneImage(t *testing.T, program string) *images.Image {
	t.Helper()
	img := &images.Image{Dir: t.TempDir()}
	content := initramfs.Content{Init: filepath.Join(img.Dir, "init"), App: filepath.Join(img.Dir, "app")}
	for out, pkg := range map[string]string{content.Init: "../init", content.App: program} {
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
// guest has what the machine has, is reached under the address that was written to its disk, says how its application ended, and
// switches the machine off.
func TestDiskBoots(t *testing.T) {
	qemu := vmtesting.RequireQEMU(t)
	path := filepath.Join(t.TempDir(), "alone.img")
	network := &disk.Network{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.2.15/24")},
		Gateways: []netip.Addr{netip.MustParseAddr("10.0.2.2")}, DNS: []netip.Addr{netip.MustParseAddr("10.0.2.3")}}
	if err := disk.Write(t.Context(), aloneImage(t, "./testdata/alone"), path, disk.Config{Network: network}); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out lockedbuf.Buffer
	machine := exec.CommandContext(ctx, qemu, "-nographic", "-m", "256", "-smp", "2", "-drive", "file="+path+",format=raw",
		"-netdev", "user,id=n,hostfwd=tcp:"+address+"-:8080", "-device", "virtio-net-pci,netdev=n")
	machine.Stdout, machine.Stderr = &out, &out
	if err := machine.Start(); err != nil {
		t.Fatal(err)
	}
	ran, ended := context.WithCancelCause(ctx)
	go func() { ended(cmp.Or(machine.Wait(), context.Canceled)) }()
	greeting := ""
	for ran.Err() == nil && greeting == "" {
		if time.Sleep(100 * time.Millisecond); strings.Contains(out.String(), "alone: it is ") { // its last word before it listens
			greeting = greeted(address)
		}
	}
	<-ran.Done()
	if err := context.Cause(ran); err != context.Canceled {
		t.Errorf("QEMU ended with %v", err)
	}
	if want := "hello from 10.0.2.15:8080, nameserver 10.0.2.3\n<nil>\n"; greeting != want {
		t.Errorf("greeted with %q, want %q", greeting, want)
	}
	for _, want := range []string{
		`alone: 100 of 256 MiB are refused with: <nil>`,
		`alone: vCPUs when two are wanted: 2`,
		`alone: 1 GiB is refused for good: true`,
		`alone: it is 2024 or later: true`,
		`silo: the application has ended: exit, exit code 3`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `\r*$`).MatchString(out.String()) {
			t.Errorf("not said: %s", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// greeted is what the guest says to a client, "" while it is not there: user-mode networking accepts a connection before the guest does.
func greeted(address string) string {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, _ := io.ReadAll(conn)
	return string(b)
}
