package vmm_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/vmtesting"
)

// initramfs is built once for all tests; its folder lives as long as they do.
var initramfs = sync.OnceValues(func() (string, error) {
	return vmtesting.WriteInitramfs(scratch, "./testdata/init")
})

// config is a guest that obeys lines on its port.
func config(t *testing.T, cmdline ...string) vmm.Config {
	t.Helper()
	vmtesting.RequireQEMU(t)
	kernel := vmtesting.RequireKernel(t)
	archive, err := initramfs()
	if err != nil {
		t.Fatal(err)
	}
	return vmm.Config{
		Kernel: kernel, Initramfs: archive, Cmdline: cmdline, Name: t.Name(),
		BootMemory: 64 << 20, MaxMemory: 2 << 30, VCPUs: 2,
	}
}

// within bounds what a test waits for; boots take several times as long on a busy machine.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, cfg vmm.Config) *vmm.VM {
	t.Helper()
	vm, err := vmm.Start(within(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("%s", vm.Err().Report())
		}
	})
	return vm
}

// ended waits for the machine's end.
func ended(t *testing.T, vm *vmm.VM) *vmm.ExitError {
	t.Helper()
	select {
	case <-vm.Done():
		return vm.Err()
	case <-within(t).Done():
		t.Fatalf("machine still runs; console:\n%s", strings.Join(vm.ConsoleTail(), "\n"))
		return nil
	}
}

// guest speaks to testdata/init.
type guest struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func talk(t *testing.T, vm *vmm.VM) *guest {
	t.Helper()
	g := &guest{t: t, conn: vm.Port(), in: bufio.NewReader(vm.Port())}
	if got := g.ask("ping"); got != "pong" {
		t.Fatalf("guest answered %q to ping", got)
	}
	return g
}

func (g *guest) ask(format string, args ...any) string {
	g.t.Helper()
	_ = g.conn.SetDeadline(time.Now().Add(90 * time.Second))
	if _, err := fmt.Fprintf(g.conn, format+"\n", args...); err != nil {
		g.t.Fatalf("ask guest: %v", err)
	}
	answer, err := g.in.ReadString('\n')
	if err != nil && err != io.EOF {
		g.t.Fatalf("hear guest: %v", err)
	}
	return strings.TrimSuffix(answer, "\n")
}
