package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// restartErrors is the bar of the restart benchmark: guests lost, clients' errors, and moments at which
// memory was granted twice or lost from the pool.
var restartErrors = Bar{"broker.restart_errors", 0, Lower, "errors"}

const (
	restartKills  = 20
	restartPool   = 512 << 20 // bytes; two guests' peaks together do not fit
	restartBoot   = 64 << 20
	restartMax    = 448 << 20
	restartLeast  = 300 * time.Millisecond // between a node that serves and its end
	restartMost   = 3 * time.Second
	restartWithin = time.Minute // for a node, or a guest, to be there again
)

// restartRun is what is measured.
type restartRun struct {
	cfg    Config
	silo   string // path of the command
	dir    string
	node   *nodeProcess
	client *nodeapi.Client
	guests []*restartGuest

	heard  []float64 // seconds from a kill to the last guest's being heard again
	faults []string  // all that was wrong
}

// restartGuest is one of the guests with its client.
type restartGuest struct {
	name string
	pid  int
	load *kvLoad
}

// Restart kills the node 20 times under load, at random moments, and counts what anybody lost by it.
func Restart(ctx context.Context, cfg Config) ([]Result, error) {
	if err := devsetup.Ensure(ctx, devsetup.Machine(cfg.Out), devsetup.VM, devsetup.Kernel); err != nil {
		return nil, err
	}
	image, err := images.Build(ctx, images.Config{Package: "./examples/kv", Dir: cfg.Dir, Progress: cfg.Out})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "silo-restart-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	r := &restartRun{cfg: cfg, dir: dir}
	if r.silo, err = buildSilo(ctx, cfg.Dir, dir); err != nil {
		return nil, err
	}
	if r.client, err = nodeapi.NewClient(nodeapi.Target{Socket: filepath.Join(dir, "node.sock")}); err != nil {
		return nil, err
	}
	defer r.client.Close()
	if err := r.begin(ctx, image); err != nil {
		return nil, errors.Join(err, r.end(ctx))
	}
	err = r.kills(ctx)
	if err := errors.Join(err, r.end(ctx)); err != nil {
		return nil, err
	}
	return r.judge()
}

// begin starts a node, two guests and their clients, whose data grow in turns.
func (r *restartRun) begin(ctx context.Context, image *images.Image) (err error) {
	if err := r.startNode(ctx); err != nil {
		return err
	}
	for i := range 2 {
		g, err := r.client.Create(ctx, nodeapi.Spec{
			Name: fmt.Sprint("kv", i), Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(),
			Memory: nodeapi.Memory{Min: restartBoot, Max: restartMax}, CPU: nodeapi.CPU{MinMilli: 500, MaxMilli: 1000},
			Ports: []nodeapi.Port{{GuestPort: 6379}},
		})
		if err != nil {
			return err
		}
		if err := r.await(ctx, g.Name, func(g nodeapi.Guest) bool { return g.Ready }); err != nil {
			return err
		}
		load, err := startLoad(ctx, g.Ports[0].HostPort, i)
		if err != nil {
			return err
		}
		r.guests = append(r.guests, &restartGuest{name: g.Name, pid: g.PID, load: load})
	}
	return nil
}

// kills kills the node again and again.
func (r *restartRun) kills(ctx context.Context) error {
	watch := r.watchMemory(ctx)
	for i := range restartKills {
		wait := restartLeast + rand.N(restartMost-restartLeast)
		if err := pause(ctx, wait); err != nil {
			return err
		}
		began := time.Now()
		if err := r.node.kill(); err != nil {
			return err
		}
		if err := pause(ctx, rand.N(500*time.Millisecond)); err != nil { // as long as a supervisor takes
			return err
		}
		if err := r.startNode(ctx); err != nil {
			return err
		}
		for _, g := range r.guests {
			if err := r.await(ctx, g.name, func(g nodeapi.Guest) bool { return g.Said }); err != nil {
				r.fault("kill %d: %v", i+1, err)
			}
		}
		r.heard = append(r.heard, time.Since(began).Seconds())
		r.check(ctx, i+1)
		fmt.Fprintf(r.cfg.Out, "kill %d of %d after %.1f s: all guests heard after %.2f s, %d faults\n",
			i+1, restartKills, wait.Seconds(), r.heard[i], len(r.faults))
	}
	r.faults = append(r.faults, watch()...)
	return nil
}

// await waits until a guest is as it should be.
func (r *restartRun) await(ctx context.Context, name string, is func(nodeapi.Guest) bool) error {
	for end := time.Now().Add(restartWithin); ; {
		g, err := r.client.Guest(ctx, name)
		switch {
		case err == nil && is(g):
			return nil
		case err == nil && g.State != nodeapi.StateRunning && g.State != nodeapi.StateStarting:
			return fmt.Errorf("guest %s has ended: %+v", name, g.Exit)
		case time.Now().After(end):
			return errors.Join(fmt.Errorf("guest %s was not heard within %v", name, restartWithin), err)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

func (r *restartRun) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *restartRun) judge() ([]Result, error) {
	var served int
	var longest time.Duration
	for _, g := range r.guests {
		served += g.load.served
		longest = max(longest, g.load.longest)
		if g.load.err != nil {
			r.fault("client of %s: %v", g.name, g.load.err)
		}
	}
	note := fmt.Sprintf("%d kills of the node with 2 guests in %d MiB, %d requests answered and checked, longest answer %.2f s; "+
		"from the kill to the last guest's being heard by the next node: median %.2f s, most %.2f s",
		len(r.heard), restartPool>>20, served, longest.Seconds(), Quantile(r.heard, 0.5), Quantile(r.heard, 1))
	for _, f := range r.faults[:min(len(r.faults), 10)] {
		note += "\n  " + f
	}
	result, err := restartErrors.Of([]float64{float64(len(r.faults))}, note)
	return []Result{result}, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
