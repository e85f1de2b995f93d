package vmm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotOurs says that somebody listens on a machine's sockets who is not that machine.
var ErrNotOurs = errors.New("another process has the machine's sockets")

// Attach takes over a detached machine that another process started with this configuration, which must have
// ended: a machine is controlled by one. The guest runs on throughout; one that was started and never set
// running is set running. ctx bounds the attaching only.
//
// Errors: one that wraps ErrNotRunning when there is no such machine any more, ErrNotOurs, or what the connection failed
// with; the machine is left as it was.
func Attach(ctx context.Context, cfg Config) (*VM, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.startTimeout(), errStartTimeout)
	defer cancel()
	vm, err := attach(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("attach to vm %s: %w", cfg.name(), err)
	}
	cfg.logger().Info("vm attached", "name", cfg.name(), "pid", vm.PID())
	return vm, nil
}

func attach(ctx context.Context, cfg Config) (*VM, error) {
	conn, err := connectTo(cfg.Detached.Dir, qmpSocket)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	if err != nil {
		return nil, err
	}
	proc, err := peer(conn, cfg.Detached.UUID)
	if err != nil {
		conn.Close()
		return nil, err
	}
	proc.output = cfg.Detached.output()
	vm := newVM(cfg, proc, &links{qmp: conn}, boots{})
	close(vm.drained) // the console is a file
	if err := vm.resume(ctx); err != nil {
		if vm.monitor != nil {
			vm.monitor.Close()
		}
		vm.links.hangUp()
		proc.close()
		return nil, err
	}
	vm.attached = true
	go vm.watch()
	return vm, nil
}

// resume proves that the machine is the right one and sees to it that its guest runs.
func (vm *VM) resume(ctx context.Context) error {
	vm.renewPort()
	if err := vm.meet(ctx); err != nil {
		return err
	}
	var is struct{ UUID string }
	if err := vm.monitor.Execute(ctx, "query-uuid", nil, &is); err != nil {
		return err
	}
	if is.UUID != vm.cfg.Detached.UUID {
		return fmt.Errorf("%w: its id is %s", ErrNotOurs, is.UUID)
	}
	var now struct{ Status string }
	if err := vm.monitor.Execute(ctx, "query-status", nil, &now); err != nil {
		return err
	}
	if now.Status == "running" && vm.cfg.Incoming { // its guest has come in, in its time
		return vm.dialPort(ctx)
	}
	if now.Status != "prelaunch" {
		return nil
	}
	if vm.cfg.Confine != nil {
		if err := vm.cfg.Confine(vm.PID()); err != nil {
			return err
		}
	}
	return vm.monitor.Execute(ctx, "cont", nil, nil)
}

// renewWithin is how long QEMU may take to hang up.
const renewWithin = 200 * time.Millisecond

// renewPort has QEMU forget that a write to whoever was connected before has failed. Where it noticed the end of the connection
// by that, it holds back all that the guest sends from then on, until a connection ends in another way: this one ends by being
// read to its end, so that no write to it can fail. What the guest sent meanwhile it sends again to who says that it must.
func (vm *VM) renewPort() {
	conn, err := connectTo(vm.cfg.Detached.Dir, portSocket)
	if err != nil {
		return // who connects next will say so
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(renewWithin))
	if conn.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// peer is the process that listens at the other end. A process id may be given to another process; but its descriptor
// is taken while the connection stands, and then the process is known by its command line and, over that connection,
// by its own word.
func peer(conn *net.UnixConn, uuid string) (*stranger, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("find qemu: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return nil, fmt.Errorf("find qemu: %w", err)
	}
	if credErr != nil {
		return nil, fmt.Errorf("find qemu: %w", credErr)
	}
	s, err := openStranger(int(cred.Pid))
	if err != nil {
		return nil, err
	}
	if !runsAs(int(cred.Pid), uuid) {
		s.close()
		return nil, fmt.Errorf("%w: process %d", ErrNotOurs, cred.Pid)
	}
	return s, nil
}

// runsAs reports whether a process was started as the machine with an id.
func runsAs(pid int, uuid string) bool {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && bytes.Contains(line, []byte("\x00-uuid\x00"+uuid+"\x00"))
}

// KillDetached ends whatever process was started as the machine with an id, and waits for its end. There need be none:
// it is for a machine whose starter ended before it could be attached to.
func KillDetached(uuid string) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("find qemu: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !runsAs(pid, uuid) {
			continue
		}
		s, err := openStranger(pid)
		if errors.Is(err, ErrNotRunning) {
			continue
		}
		if err != nil {
			return err
		}
		if !runsAs(pid, uuid) { // it was another one by the time it was held
			s.close()
			continue
		}
		if err := s.kill(); err != nil {
			s.close()
			return err
		}
		<-s.ended()
	}
	return nil
}

// hasEnded reports whether a process has.
func hasEnded(p qemu) bool {
	select {
	case <-p.ended():
		return true
	default:
		return false
	}
}

// ended is how a process ended, in words.
func ended(p qemu) string {
	status, known := p.status()
	switch {
	case !known:
		return "it has ended"
	case status.Signaled():
		return "signal: " + status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
