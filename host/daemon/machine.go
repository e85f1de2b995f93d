package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// Files of a guest's folder.
const (
	kernelFile    = "kernel"
	initramfsFile = "initramfs"
	machineDir    = "machine" // sockets and console of the machine that runs
)

func (d *Daemon) guestDir(name string) string { return filepath.Join(d.cfg.Dir, "guests", name) }

// keepFile makes a second name for a file, or a copy where the file system has no second names.
func keepFile(from, to string) error {
	if info, err := os.Stat(from); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return &os.PathError{Op: "open", Path: from, Err: errors.New("not a regular file")}
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if real, err := filepath.EvalSymlinks(from); err == nil && os.Link(real, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// start starts a machine for the guest.
func (k *keeper) start() (*node.Guest, error) {
	log, err := k.openLog()
	if err != nil {
		return nil, err
	}
	k.note(func(r *record) { r.Exit, r.Said, r.Machine, r.Started = nil, false, nil, time.Time{} })
	g, err := k.d.node.Start(k.ctx, k.spec(log))
	if err != nil {
		k.clear()
		return nil, err
	}
	if err := k.begun(g); err != nil {
		g.Kill()
		<-g.Done()
		k.clear()
		return nil, err
	}
	k.d.cfg.At(pointRunning)
	return g, nil
}

// begun makes the guest known as running, unless it was halted at the same moment.
func (k *keeper) begun(g *node.Guest) error {
	k.mu.Lock()
	k.guest = g
	k.mu.Unlock()
	if err := k.ctx.Err(); err != nil {
		return fmt.Errorf("start guest %s: %w", k.name, err)
	}
	return k.update(func(r *record) {
		r.State, r.Started = nodeapi.StateRunning, time.Now()
	})
}

// spec is the guest in the node's words, with all that a daemon adds.
func (k *keeper) spec(log *guestLog) node.GuestSpec {
	k.mu.Lock()
	s := guestSpec(k.rec.Spec)
	k.mu.Unlock()
	s.Kernel, s.Initramfs = filepath.Join(k.dir, kernelFile), filepath.Join(k.dir, initramfsFile)
	s.Stdout, s.Stderr, s.InitLog = log.stream("out"), log.stream("err"), log.stream("init")
	s.Machine = k.detach
	s.Limit = k.limit
	s.Exited = func(e hvcall.Exit) {
		k.d.cfg.At(pointExitHeard)
		k.note(func(r *record) { r.Exit = &e })
		k.d.cfg.At(pointExitStored)
	}
	return s
}

// detach makes a machine outlive this process.
func (k *keeper) detach(cfg *vmm.Config) {
	cfg.Detached = &vmm.Detached{Dir: filepath.Join(k.dir, machineDir), UUID: uuid.NewString()}
	cfg.RunAs = k.d.runAs(uint32(k.seq))
	cfg.Confine = k.confine
}

// launch is how the node starts a machine: what is about to be is stored before.
func (d *Daemon) launch(ctx context.Context, cfg vmm.Config) (vmm.Machine, error) {
	k, err := d.find(cfg.Name)
	if err != nil {
		return nil, err
	}
	if cfg.Forwards, err = vmm.ChoosePorts(ctx, cfg.Forwards); err != nil {
		return nil, err
	}
	if err := k.update(func(r *record) { r.Machine = &cfg }); err != nil {
		return nil, err
	}
	d.cfg.At(pointPlaced)
	if err := os.MkdirAll(cfg.Detached.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make machine's folder: %w", err)
	}
	vm, err := d.cfg.Launch(ctx, cfg)
	if err == nil {
		d.cfg.At(pointLaunched)
	}
	return vm, err
}

// machineID names the machine that runs, in the memory cgroups.
func (k *keeper) machineID() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rec.Machine == nil || k.rec.Machine.Detached == nil {
		return ""
	}
	return k.rec.Machine.Detached.UUID
}

func (k *keeper) confine(pid int) error {
	k.mu.Lock()
	boot := k.rec.Spec.Memory.Min
	k.mu.Unlock()
	err := k.d.limits.Confine(k.machineID(), pid, boot)
	k.d.cfg.At(pointForked)
	return err
}

// limit follows the ledger. Before there is a machine there is nothing to limit.
func (k *keeper) limit(bytes int64) {
	if id := k.machineID(); id != "" {
		if err := k.d.limits.Set(id, bytes); err != nil && !errors.Is(err, os.ErrNotExist) {
			k.d.cfg.Log.Warn("memory of guest not limited", "guest", k.name, "err", err)
		}
	}
}

// clear removes what a machine that has ended leaves.
func (k *keeper) clear() {
	if id := k.machineID(); id != "" {
		if err := k.d.limits.Remove(id); err != nil {
			k.d.cfg.Log.Warn("guest's cgroup stays", "guest", k.name, "err", err)
		}
	}
	if err := os.RemoveAll(filepath.Join(k.dir, machineDir)); err != nil {
		k.d.cfg.Log.Warn("machine's folder stays", "guest", k.name, "err", err)
	}
}

// firstUID is where the users begin that machines run as, one to each guest, so that a QEMU which its guest has taken over
// cannot touch another. They have no names and own nothing.
const firstUID = 1_900_000_000

// runAs picks users; without the right to it machines run as this one.
func runAs() func(uint32) *vmm.User {
	if os.Geteuid() != 0 {
		return func(uint32) *vmm.User { return nil }
	}
	var groups []uint32
	var st unix.Stat_t
	if unix.Stat("/dev/kvm", &st) == nil {
		groups = []uint32{st.Gid}
	}
	return func(slot uint32) *vmm.User {
		id := firstUID + slot%100_000_000
		return &vmm.User{UID: id, GID: id, Groups: groups}
	}
}
