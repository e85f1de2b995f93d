package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// nodeProcess is a silo node of its own process.
type nodeProcess struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	stderr bytes.Buffer // only after ended
}

func buildSilo(ctx context.Context, module, dir string) (string, error) {
	path := filepath.Join(dir, "silo")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/silo")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build silo: %w: %s", err, bytes.TrimSpace(out))
	}
	return path, nil
}

// startNode starts the node and waits until it answers.
func (r *restartRun) startNode(ctx context.Context) error {
	n := &nodeProcess{ended: make(chan struct{})}
	n.cmd = exec.Command(r.silo, "node", "--dir", filepath.Join(r.dir, "state"), "--socket", filepath.Join(r.dir, "node.sock"),
		"--memory", fmt.Sprintf("%dM", restartPool>>20), "--cpus", "2")
	n.cmd.Stderr = &n.stderr
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	go func() { _ = n.cmd.Wait(); close(n.ended) }()
	r.node = n
	for end := time.Now().Add(restartWithin); ; {
		_, err := r.client.Info(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-n.ended:
			return fmt.Errorf("start node: it ended: %s", bytes.TrimSpace(n.stderr.Bytes()))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("start node: %w", err)
		}
	}
}

// kill is kill -9, and waits for the end.
func (n *nodeProcess) kill() error {
	select {
	case <-n.ended:
		return fmt.Errorf("kill node: it ended by itself: %s", bytes.TrimSpace(n.stderr.Bytes()))
	default:
	}
	if err := n.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill node: %w", err)
	}
	<-n.ended
	return nil
}

// check looks whether all is as it was before a kill.
func (r *restartRun) check(ctx context.Context, kill int) {
	dump, err := r.client.Dump(ctx)
	if err != nil {
		r.fault("kill %d: %v", kill, err)
		return
	}
	var s broker.State
	if err := json.Unmarshal(dump, &s); err != nil {
		r.fault("kill %d: read dump: %v", kill, err)
		return
	}
	r.checkLedger(kill, s)
	for _, g := range r.guests {
		is, err := r.client.Guest(ctx, g.name)
		switch {
		case err != nil:
			r.fault("kill %d: %v", kill, err)
		case is.State != nodeapi.StateRunning || is.PID != g.pid || is.Restarts != 0:
			r.fault("kill %d: guest %s is %s in process %d, it was in %d", kill, g.name, is.State, is.PID, g.pid)
		}
	}
}

// checkLedger compares the ledger with the pool: nothing of it may be given twice, and nothing may be missing.
func (r *restartRun) checkLedger(kill int, s broker.State) {
	if s.Capacity.Memory-s.Capacity.Slush != restartPool {
		r.fault("kill %d: the pool is %d bytes", kill, s.Capacity.Memory-s.Capacity.Slush)
	}
	var upper int64
	for _, g := range s.Guests {
		upper += g.Memory.Upper
		if g.Memory.Seen > g.Memory.Upper {
			r.fault("kill %d: %s has %d bytes plugged, the ledger says at most %d", kill, g.ID, g.Memory.Seen, g.Memory.Upper)
		}
	}
	if upper > restartPool {
		r.fault("kill %d: %d bytes are granted of %d", kill, upper, int64(restartPool))
	}
	if len(s.Guests) != len(r.guests) {
		r.fault("kill %d: %d guests are in the ledger", kill, len(s.Guests))
	}
}

// watchMemory measures from outside, whoever governs at the moment, that the guests together never exist in more
// memory than the pool has. What it returns ends it.
func (r *restartRun) watchMemory(ctx context.Context) (stop func() []string) {
	ctx, cancel := context.WithCancel(ctx)
	var faults []string
	var wg sync.WaitGroup
	wg.Go(func() {
		for pause(ctx, 50*time.Millisecond) == nil {
			var sum int64
			for _, g := range r.guests {
				n, err := vmm.ResidentOf(g.pid)
				if err != nil {
					faults = append(faults, fmt.Sprintf("guest %s is lost: %v", g.name, err))
					return
				}
				sum += n
			}
			if sum > restartPool {
				faults = append(faults, fmt.Sprintf("guests exist in %d bytes, the pool has %d", sum, int64(restartPool)))
			}
		}
	})
	return func() []string {
		cancel()
		wg.Wait()
		return faults
	}
}

// end ends everything, and looks whether the pool has everything back.
func (r *restartRun) end(ctx context.Context) error {
	var errs []error
	for _, g := range r.guests {
		g.load.cancel()
	}
	for _, g := range r.guests {
		g.load.wait()
	}
	for _, g := range r.guests {
		if _, err := r.client.Kill(ctx, g.name); err != nil {
			errs = append(errs, err)
		}
	}
	if r.node == nil {
		return errors.Join(errs...)
	}
	if dump, err := r.client.Dump(ctx); err == nil {
		var s broker.State
		if err := json.Unmarshal(dump, &s); err != nil || len(s.Guests) != 0 {
			r.fault("after the end of all guests the ledger has %d", len(s.Guests))
		}
	}
	if err := r.node.cmd.Process.Signal(os.Interrupt); err == nil {
		<-r.node.ended
	}
	return errors.Join(errs...)
}
