package vmm_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/vmtesting"
)

// unbootable is a valid configuration whose kernel is no kernel.
func unbootable(t *testing.T) vmm.Config {
	t.Helper()
	c := valid()
	c.Accel = vmm.AccelTCG
	c.Kernel = filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(c.Kernel, []byte("no kernel"), 0o644); err != nil {
		t.Fatal(err)
	}
	return c
}

// fails starts a machine that must not start, and returns the error.
func fails(t *testing.T, ctx context.Context, c vmm.Config) error {
	t.Helper()
	vm, err := vmm.Start(ctx, c)
	if err == nil {
		vm.Close()
		t.Fatal("it started")
	}
	return err
}

func contains(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func TestQEMUMissing(t *testing.T) {
	c := unbootable(t)
	t.Setenv("PATH", t.TempDir())
	err := fails(t, t.Context(), c)
	if !errors.Is(err, vmm.ErrQEMUMissing) {
		t.Errorf("err = %v, want ErrQEMUMissing", err)
	}
	contains(t, err, "qemu-system-x86_64", "apt-get install qemu-system-x86")
	c.Binary = "/no/such/qemu"
	if err := fails(t, t.Context(), c); !errors.Is(err, vmm.ErrQEMUMissing) {
		t.Errorf("missing by path: %v", err)
	}
}

func TestImageMissing(t *testing.T) {
	vmtesting.RequireQEMU(t)
	c := unbootable(t)
	c.Initramfs = "/no/such/initramfs"
	err := fails(t, t.Context(), c)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want fs.ErrNotExist", err)
	}
	contains(t, err, "open initramfs", "/no/such/initramfs", "build the image first")
	c.Kernel = t.TempDir()
	contains(t, fails(t, t.Context(), c), "open kernel", "not a regular file")
}

// QEMU itself refuses: what it says is in the error.
func TestQEMUDiesAtStart(t *testing.T) {
	t.Parallel()
	vmtesting.RequireQEMU(t)
	err := fails(t, within(t), unbootable(t))
	var died *vmm.StartError
	if !errors.As(err, &died) || died.Output == "" {
		t.Fatalf("err = %v, want a *StartError with QEMU's words", err)
	}
	contains(t, err, "start qemu: qemu: ", "kernel", "exit status 1")
}

func TestFakeQEMUDies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script string
		want         []string
	}{
		{"speaks and fails", "echo 'cannot set up guest memory' >&2; exit 1", []string{"cannot set up guest memory", "exit status 1"}},
		{"no word", "exit 3", []string{"start qemu: exit status 3"}},
		{"crashes", "kill -SEGV $$", []string{"segmentation fault"}},
		{"endless words", "head -c 10000000 /dev/zero | tr '\\0' x >&2; exit 1", []string{"exit status 1"}},
		{"no protocol", "echo hello >&3; exec sleep 1000", []string{"not a QMP message"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := unbootable(t)
			c.Binary, _ = fakeQEMU(t, tt.script)
			err := fails(t, within(t), c)
			if !errors.As(err, new(*vmm.StartError)) {
				t.Errorf("err = %v, want a *StartError", err)
			}
			contains(t, err, tt.want...)
			if n := len(err.Error()); n > 300<<10 {
				t.Errorf("error of %d bytes", n)
			}
		})
	}
}

func TestStartDeadline(t *testing.T) {
	t.Parallel()
	c := unbootable(t)
	c.Binary, _ = fakeQEMU(t, "exec sleep 1000")
	c.StartTimeout = 300 * time.Millisecond
	contains(t, fails(t, within(t), c), "qemu did not answer in time")
	c.StartTimeout = 0
	ctx, cancel := context.WithTimeout(within(t), 300*time.Millisecond)
	defer cancel()
	if err := fails(t, ctx, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's deadline: %v", err)
	}
}

func TestStartPortInUse(t *testing.T) {
	t.Parallel()
	vmtesting.RequireQEMU(t)
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := unbootable(t)
	c.Forwards = []vmm.Forward{{HostPort: taken.Addr().(*net.TCPAddr).Port, GuestPort: 80}}
	err = fails(t, within(t), c)
	if !errors.As(err, new(*vmm.PortError)) {
		t.Errorf("err = %v, want a *PortError", err)
	}
	contains(t, err, taken.Addr().String(), "address already in use", "-p HOST:GUEST")
}

// The forward listens where VM.Forwards says; the guest behind it is silent.
func TestFreePort(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Forwards = []vmm.Forward{{GuestPort: 80}}
	vm := start(t, c)
	addr := vm.Forwards()[0].HostAddr()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("forward at %s: %v", addr, err)
	}
	conn.Close()
	if err := vm.Close(); err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: time.Second}
	if _, err := client.Get("http://" + addr); err == nil {
		t.Error("the forward outlives the machine")
	}
}
