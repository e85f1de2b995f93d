package daemon

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
)

// stored makes a state folder as an earlier daemon left it.
func stored(t *testing.T, records ...*record) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	if err := makeDir(dir); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		r.Seq = uint64(i + 1)
		if err := makeDir(filepath.Join(dir, "guests", r.Spec.Name)); err != nil {
			t.Fatal(err)
		}
		if err := s.put(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// placed is the record of a guest with a machine.
func placed(name string, state nodeapi.State) *record {
	return &record{
		State:   state,
		Spec:    nodeapi.Spec{Name: name, Memory: nodeapi.Memory{Min: 64 * mib, Max: 256 * mib}, CPU: nodeapi.CPU{MinMilli: 1000, MaxMilli: 2000}, Network: "none"},
		Machine: &vmm.Config{Name: name, BootMemory: 64 * mib, MaxMemory: 256 * mib, VCPUs: 2, Detached: &vmm.Detached{Dir: "/nowhere", UUID: "id of " + name}},
	}
}

// TestMoveIsTakenUpLast: the guest of a move that is taken up is heard when all guests are in the ledger, and once.
func TestMoveIsTakenUpLast(t *testing.T) {
	leaves := placed("a", nodeapi.StateRunning)
	leaves.Leaving = &leaving{ID: "m-1", To: "b"}
	var mu sync.Mutex
	var points []string
	machines := make(map[string]*vmmtest.VM)
	d, err := Open(t.Context(), Config{
		Dir: stored(t, leaves, placed("z", nodeapi.StateRunning)), Capacity: broker.Capacity{Memory: 1024 * mib, MilliCPU: 8000},
		Hold: func(int, []int) node.Share { return noShare{} },
		At: func(point string) {
			mu.Lock()
			points = append(points, point)
			mu.Unlock()
			if point == pointTakingUp {
				time.Sleep(50 * time.Millisecond) // time enough for what must not be done yet
			}
		},
		Attach: func(_ context.Context, cfg vmm.Config) (Attached, error) {
			mu.Lock()
			defer mu.Unlock()
			vm := vmmtest.New(vmmtest.Config{BootMemory: cfg.BootMemory, MaxMemory: cfg.MaxMemory, VCPUs: cfg.VCPUs})
			machines[cfg.Name] = vm
			return Attached{Machine: vm, Plugged: cfg.BootMemory, Requested: cfg.BootMemory}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Leave(); d.node.Close() })
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if g, err := d.Guest("a"); err == nil && g.Move != nil && g.Move.State == "stayed" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the move is not over")
		}
	}
	mu.Lock()
	first := slices.IndexFunc(points, func(p string) bool { return strings.HasPrefix(p, "move ") })
	if first < 0 || slices.Contains(points[first:], pointTakingUp) {
		t.Errorf("moved on before all guests were taken up: %q", points)
	}
	mu.Unlock()
	machines["a"].End(vmm.ExitError{Cause: vmm.CauseGuestShutdown})
	if _, err := d.Wait(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}
