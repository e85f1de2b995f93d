package elastictest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/vmtesting"
)

const mib = 1 << 20

// run is one guest with everything seen of it.
type run struct {
	t     *testing.T
	guest *node.Guest

	mu      sync.Mutex
	seen    []node.Observation
	changed chan struct{} // closed and replaced with each observation or output
	out     bytes.Buffer
	initLog bytes.Buffer
	console bytes.Buffer
}

// boot starts an image of testdata/NAME in 64 MiB and one vCPU.
func boot(t *testing.T, name string, most int64, args ...string) *run {
	t.Helper()
	vmtesting.RequireQEMU(t)
	vmtesting.RequireKernel(t) // says how to get one, and fails on CI
	image, err := images.Build(t.Context(), images.Config{Package: "./testdata/" + name})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &run{t: t, changed: make(chan struct{})}
	r.guest, err = n.Start(t.Context(), node.GuestSpec{
		Name: name, Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(), Args: args,
		Memory: node.Memory{Min: 64 * mib, Max: most}, CPU: node.CPU{MinMilli: 1000, MaxMilli: 2000},
		Stdout: writer{r, &r.out}, Stderr: writer{r, &r.out}, InitLog: writer{r, &r.initLog}, Console: writer{r, &r.console},
		Observer: r.observe, Sample: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type writer struct {
	r   *run
	buf *bytes.Buffer
}

func (w writer) Write(b []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.wake()
	return w.buf.Write(b)
}

func (r *run) observe(o node.Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, o)
	r.wake()
}

func (r *run) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// until waits for the output or the newest observation to be as wanted.
func (r *run) until(what string, ok func(out string, o node.Observation) bool) node.Observation {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 60*time.Second)
	defer cancel()
	for {
		r.mu.Lock()
		var last node.Observation
		if n := len(r.seen); n > 0 {
			last = r.seen[n-1]
		}
		out, changed := r.out.String(), r.changed
		r.mu.Unlock()
		if ok(out, last) {
			return last
		}
		select {
		case <-changed:
		case <-ctx.Done():
			r.t.Fatalf("never came: %s\nlast: %+v\n%s", what, last, r.transcript())
		}
	}
}

func (r *run) transcript() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return "application:\n" + r.out.String() + "\nPID 1:\n" + r.initLog.String() + "\nkernel:\n" + r.console.String()
}

func (r *run) most(of func(node.Observation) int64) (most int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.seen {
		most = max(most, of(o))
	}
	return most
}

// TestHeapAndVCPUsFollowTheProgram: up with the heap without a stall, to two vCPUs with the load, and
// all back when the program drops its data and says nothing.
func TestHeapAndVCPUsFollowTheProgram(t *testing.T) {
	r := boot(t, "heap", 1024*mib, "250")
	r.until("two vCPUs under load", func(_ string, o node.Observation) bool { return o.GrantedMilli == 2000 && o.Usage.Online == 2 })
	full := r.until("the data dropped", func(out string, _ node.Observation) bool { return strings.Contains(out, "dropped") })
	if !strings.Contains(r.transcript(), "vCPUs at start 2") || !strings.Contains(r.transcript(), "worked with 2") {
		t.Error(r.transcript())
	}
	if full.Usage.Stalls != 0 || full.Usage.Kills != 0 {
		t.Errorf("%d stalls, %d kills on the way up\n%s", full.Usage.Stalls, full.Usage.Kills, r.transcript())
	}
	if got := r.most(func(o node.Observation) int64 { return o.Granted }); got < 300*mib {
		t.Errorf("granted %d MiB at most for 250 MiB of live heap", got/mib)
	}
	back := r.until("the memory and the vCPU back", func(_ string, o node.Observation) bool {
		return o.Granted <= 96*mib && o.Resident < 96*mib && o.GrantedMilli == 1000
	})
	t.Logf("at the end: granted %d MiB, resident %d MiB", back.Granted/mib, back.Resident/mib)
	if err := r.guest.Shutdown(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	exit, err := r.guest.Wait()
	if err != nil || exit.Cause != hvcall.CauseShutdown {
		t.Errorf("ended by %+v, %v", exit, err)
	}
}
