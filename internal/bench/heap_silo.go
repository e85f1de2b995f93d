package bench

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/images"
)

// nodeGuest is a guest as `silo run` runs it: silo itself, and the static guest, which is the same
// with no memory to move.
type nodeGuest struct {
	*node.Guest
	node *node.Node

	mu      sync.Mutex
	console tail
}

// startNode starts an image on a node of its own.
func startNode(ctx context.Context, image *images.Image, memory node.Memory, delay time.Duration, args []string, out io.Writer) (*nodeGuest, error) {
	n, err := node.New(node.Config{Launch: func(ctx context.Context, cfg vmm.Config) (vmm.Machine, error) {
		vm, err := vmm.Start(ctx, cfg)
		if err != nil || delay == 0 {
			return vm, err
		}
		return vmmtest.NewSlow(vm, delay), nil
	}})
	if err != nil {
		return nil, err
	}
	g := &nodeGuest{node: n}
	g.Guest, err = n.Start(ctx, node.GuestSpec{
		Name: "heap", Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(), Args: args, Memory: memory,
		CPU:    node.CPU{MinMilli: 1000 * heapVCPUs, MaxMilli: 1000 * heapVCPUs},
		Stdout: out, Stderr: g, InitLog: g, Console: g,
	})
	if err != nil {
		n.Close()
		return nil, err
	}
	return g, nil
}

// Write keeps the last of what the guest says besides its results.
func (g *nodeGuest) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.console.Write(b)
}

// Last implements heapGuest.
func (g *nodeGuest) Last() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.console.lines()
}

// Resident implements heapGuest.
func (g *nodeGuest) Resident() (int64, error) { return vmm.ResidentOf(g.PID()) }

// Said implements heapGuest.
func (g *nodeGuest) Said() pid1 { return pid1Of(g.Observe().Usage) }

func pid1Of(u hvcall.Usage) pid1 {
	return pid1{stalls: u.Stalls, stalled: time.Duration(u.StallNanos), kills: u.Kills}
}

// Starved implements heapGuest.
func (g *nodeGuest) Starved() (string, bool) {
	exit, err := g.Wait()
	if err != nil {
		return err.Error(), false
	}
	return starved(exit)
}

// starved reports whether an application's end was for want of memory.
func starved(exit hvcall.Exit) (string, bool) {
	why := string(exit.Cause) + ": " + exit.Text
	return why, exit.Cause == hvcall.CauseMemory || exit.Cause == hvcall.CauseRefused || saysStarved(why)
}

// starvedWords are in what a kernel says when it has no memory left to go on with.
var starvedWords = []string{"Attempted to kill init", "Out of memory", "oom-kill", "deadlocked on memory"}

func saysStarved(line string) bool {
	return slices.ContainsFunc(starvedWords, func(w string) bool { return strings.Contains(line, w) })
}

// Close implements heapGuest.
func (g *nodeGuest) Close() error { return g.node.Close() }
