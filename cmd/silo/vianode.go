package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// viaNode runs a guest on a node. Detached, it says its name and leaves it; else it goes on like a run without a node,
// but for one thing: the guest is the node's, and runs on if this command is killed.
func (o *runOptions) viaNode(ctx context.Context, w *world, c *nodeapi.Client, what string, spec node.GuestSpec) (int, error) {
	g, err := o.create(ctx, w, c, what, spec)
	if err != nil {
		return 0, err
	}
	if o.detach {
		fmt.Fprintln(w.stdout, g.Name)
		return 0, nil
	}
	tellChosenPorts(w.stderr, spec.Ports, vmmForwards(g.Ports))
	killer := make(chan os.Signal, 1)
	ended := make(chan struct{})
	go func() { killer <- o.onSignals(w, c, g.Name, ended) }()
	exit, err := o.follow(ctx, w, c, g.Name)
	close(ended)
	signal := <-killer
	if err != nil {
		return 0, err
	}
	if err := c.Remove(ctx, g.Name); err != nil && !nodeapi.Is(err, nodeapi.CodeNotFound) {
		fmt.Fprintf(w.stderr, "silo: %v\n", err)
	}
	return verdict(w.stderr, exit, nil, signal), nil
}

// create makes the image where that is needed and has the guest created. A signal stops it.
func (o *runOptions) create(ctx context.Context, w *world, c *nodeapi.Client, what string, spec node.GuestSpec) (g nodeapi.Guest, err error) {
	ctx, stop := untilSignal(ctx, w.signals)
	defer stop()
	image, err := o.image(ctx, w, what)
	if err != nil {
		return g, err
	}
	spec.Kernel, spec.Initramfs = image.KernelPath(), image.InitramfsPath()
	spec.Memory = o.memory.forImage(spec.Memory, spec.Initramfs)
	spec.RefuseAfter = o.refuseAfter.or(time.Duration(image.Manifest.RefuseAfterMS) * time.Millisecond)
	s := apiSpec(spec)
	s.Restart = nodeapi.Restart(o.restart)
	for _, file := range []*string{&s.Kernel, &s.Initramfs} {
		if *file, err = filepath.Abs(*file); err != nil {
			return g, fmt.Errorf("find image: %w", err)
		}
	}
	base := strings.TrimLeft(hostName(image.Manifest.Name), "-")
	for n := 1; ; n++ {
		if o.name == "" {
			s.Name = base
			if n > 1 {
				s.Name = fmt.Sprintf("%.58s-%d", base, n)
			}
		}
		g, err = c.Create(ctx, s)
		if o.name != "" || base == "" || !nodeapi.Is(err, nodeapi.CodeTaken) || n == mostNamesakes {
			return g, err
		}
	}
}

// mostNamesakes is how many guests may be named after one application by silo itself.
const mostNamesakes = 1000

func apiSpec(s node.GuestSpec) nodeapi.Spec {
	a := nodeapi.Spec{
		Name: s.Name, Kernel: s.Kernel, Initramfs: s.Initramfs, Args: s.Args, Env: s.Env, Network: string(s.Network), Bridge: s.Bridge, Weight: s.Weight,
		Memory:           nodeapi.Memory{Min: s.Memory.Min, Max: s.Memory.Max},
		CPU:              nodeapi.CPU{MinMilli: int64(s.CPU.MinMilli), MaxMilli: int64(s.CPU.MaxMilli)},
		HelloWithinMS:    s.HelloDeadline.Milliseconds(),
		ShutdownWithinMS: s.ShutdownWithin.Milliseconds(),
		RefuseAfterMS:    s.RefuseAfter.Milliseconds(),
		AnswerWithinMS:   s.AnswerWithin.Milliseconds(),
		Dir:              s.Dir, DNS: s.DNS, Readiness: s.Readiness, Liveness: s.Liveness, WatchdogMS: s.Watchdog.Milliseconds(), Cores: s.Cores,
	}
	for _, v := range s.Volumes {
		a.Volumes = append(a.Volumes, nodeapi.Mount{Volume: v.Name, Dir: v.Dir, Path: v.Path, Size: v.Size, ReadOnly: v.ReadOnly})
	}
	for _, p := range s.Ports {
		a.Ports = append(a.Ports, nodeapi.Port(p))
	}
	return a
}

func vmmForwards(ports []nodeapi.Port) []vmm.Forward {
	fs := make([]vmm.Forward, len(ports))
	for i, p := range ports {
		fs[i] = vmm.Forward(p)
	}
	return fs
}

func portList(ports []nodeapi.Port) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		f := vmm.Forward(p)
		words[i] = fmt.Sprintf("%s:%d", f.HostAddr(), f.GuestPort)
		if f.Proto != "" && f.Proto != "tcp" {
			words[i] += "/" + f.Proto
		}
	}
	return strings.Join(words, " ")
}

// nodeAway is how long a node may not answer before its guests are given up.
const (
	nodeAway = time.Minute
	askAgain = 100 * time.Millisecond
)

// follow prints what the guest writes until it has ended, and says how it did. A node that is started anew goes on where the
// one before left off.
func (o *runOptions) follow(ctx context.Context, w *world, c *nodeapi.Client, name string) (exit hvcall.Exit, err error) {
	var last int64
	for answered := time.Now(); ; time.Sleep(askAgain) {
		err = c.Logs(ctx, name, nodeapi.LogQuery{Follow: true, After: last}, func(r nodeapi.LogRecord) error {
			last, answered = r.Seq, time.Now()
			if err := printRecord(w, r, o.verbose); err != nil {
				o.log(w).Warn("output of guest not written", "err", err)
			}
			return nil
		})
		if err == nil {
			exit, err = c.Wait(ctx, name)
		}
		if err == nil || errors.As(err, new(*nodeapi.Error)) {
			return exit, err
		}
		if !errors.As(err, new(*nodeapi.NoNodeError)) {
			answered = time.Now() // it was cut off, and may be back
		}
		if time.Since(answered) > nodeAway {
			return exit, err
		}
	}
}

// onSignals asks the guest to end at the first signal and kills it at the second, which it returns.
func (o *runOptions) onSignals(w *world, c *nodeapi.Client, name string, ended <-chan struct{}) os.Signal {
	select {
	case <-ended:
		return nil
	case <-w.signals:
	}
	fmt.Fprintf(w.stderr, "silo: asked %s to end, it has %v; once more kills it\n", name, o.shutdownWithin)
	go tell(w.stderr, func() error {
		_, err := c.Stop(context.Background(), name, nodeapi.Stop{WithinMS: o.shutdownWithin.Milliseconds()})
		return err
	})
	select {
	case <-ended:
		return nil
	case s := <-w.signals:
		tell(w.stderr, func() error {
			_, err := c.Kill(context.Background(), name)
			return err
		})
		return s
	}
}

// tell says what went wrong, unless the guest is gone.
func tell(w io.Writer, do func() error) {
	if err := do(); err != nil && !nodeapi.Is(err, nodeapi.CodeNotFound) {
		fmt.Fprintf(w, "silo: %v\n", err)
	}
}
