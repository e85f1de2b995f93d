package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/cpushare"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

const mib = 1 << 20

// rig is a daemon whose machines are fakes, with a fake guest in each that says Hello.
type rig struct {
	*Daemon
	t      testing.TB
	client *nodeapi.Client
	image  string // of a file that stands for kernel and initramfs

	mu     sync.Mutex
	vms    []*vmmtest.VM
	guests []*hvcalltest.Guest
	fail   error // what the next launches fail with

	at atomic.Pointer[func(point string)]
}

// patience is how long a test waits for what another goroutine does.
const patience = 20 * time.Second

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, image: filepath.Join(t.TempDir(), "image")}
	if err := os.WriteFile(r.image, []byte("image"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.open(filepath.Join(t.TempDir(), "state"))
	return r
}

func (r *rig) open(dir string) {
	r.t.Helper()
	d, err := Open(r.t.Context(), Config{
		Dir: dir, Capacity: broker.Capacity{Memory: 1024 * mib, MilliCPU: 8000}, Log: slog.New(slog.DiscardHandler),
		Hold:   func(int, []int) node.Share { return noShare{} },
		Launch: r.launch,
		At:     r.reached,
		Attach: func(context.Context, vmm.Config) (Attached, error) { return Attached{}, vmm.ErrNotRunning },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.Daemon = d
	r.t.Cleanup(func() { d.Leave(); d.node.Close() })
	socket := filepath.Join(r.t.TempDir(), "s")
	l, err := ListenUnix(socket)
	if err != nil {
		r.t.Fatal(err)
	}
	server := &http.Server{Handler: d.Handler()}
	go server.Serve(l)
	r.t.Cleanup(func() { server.Close() })
	r.client, err = nodeapi.NewClient(nodeapi.Target{Socket: socket})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.client.Close)
}

// reached tells whoever asked that the daemon is at a point.
func (r *rig) reached(point string) {
	if at := r.at.Load(); at != nil {
		(*at)(point)
	}
}

func (r *rig) launch(_ context.Context, cfg vmm.Config) (vmm.Machine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	vm := vmmtest.New(vmmtest.Config{BootMemory: cfg.BootMemory, MaxMemory: cfg.MaxMemory, VCPUs: cfg.VCPUs})
	g := hvcalltest.NewGuest(vm.GuestPort(), hvcalltest.GuestConfig{})
	go g.Serve(context.Background()) // it ends when the machine closes the port
	go g.SayHello(context.Background())
	r.vms, r.guests = append(r.vms, vm), append(r.guests, g)
	return vm, nil
}

func (r *rig) last() (*vmmtest.VM, *hvcalltest.Guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.vms[len(r.vms)-1], r.guests[len(r.guests)-1]
}

func (r *rig) launches() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.vms)
}

func (r *rig) spec(name string) nodeapi.Spec {
	return nodeapi.Spec{Name: name, Kernel: r.image, Initramfs: r.image, Memory: nodeapi.Memory{Min: 64 * mib, Max: 256 * mib}, CPU: nodeapi.CPU{MaxMilli: 2000}}
}

// create starts a guest, which says Hello.
func (r *rig) create(s nodeapi.Spec) nodeapi.Guest {
	r.t.Helper()
	g, err := r.client.Create(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

// until waits until a guest is as it should be.
func (r *rig) until(name string, is func(nodeapi.Guest) bool) nodeapi.Guest {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		g, err := r.client.Guest(r.t.Context(), name)
		if err == nil && is(g) {
			return g
		}
		if time.Now().After(end) {
			r.t.Fatalf("guest is %+v, %v", g, err)
		}
	}
}

// exit has the newest guest say how its application ended, and power off.
func (r *rig) exit(code int) {
	r.t.Helper()
	vm, g := r.last()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.Conn().SendExit(ctx, hvcall.Exit{Cause: hvcall.CauseExit, Code: code}); err != nil {
		r.t.Fatal(err)
	}
	vm.End(vmm.ExitError{Cause: vmm.CauseGuestShutdown})
}

// refused fails the test unless err is a refusal of a kind.
func refused(t testing.TB, err error, code nodeapi.Code) {
	t.Helper()
	if !nodeapi.Is(err, code) {
		t.Errorf("err = %v, want a refusal: %s", err, code)
	}
}

type noShare struct{}

func (noShare) Set(cpushare.Allowance) error  { return nil }
func (noShare) Read() (cpushare.Times, error) { return cpushare.Times{}, errors.New("no threads") }
func (noShare) Advisory() bool                { return true }
func (noShare) Close() error                  { return nil }
