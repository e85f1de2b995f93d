package vmm

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm/console"
)

// Detached says where a machine that outlives its starter is found again.
type Detached struct {
	// Dir is a folder of the machine's own that only the host's user can enter. Sockets, the guest's console and
	// QEMU's own output are made in it. It is the caller's, who removes it when the machine has ended.
	Dir string
	// UUID is the machine's, unique for all time, in the form of RFC 9562.
	UUID string
}

func (d *Detached) console() string { return filepath.Join(d.Dir, "console") }
func (d *Detached) output() string  { return filepath.Join(d.Dir, "qemu.log") }

// The sockets of a detached machine.
const (
	qmpSocket  = "qmp.sock"
	portSocket = "port.sock"
)

// launchDetached starts QEMU in a session of its own. The sockets are bound here and QEMU only listens on them:
// it needs no right to the folder, and the credentials that a client sees are QEMU's.
func launchDetached(cfg Config) (*VM, error) {
	l, w, output, err := cfg.Detached.lay(cfg)
	if err != nil {
		return nil, fmt.Errorf("start qemu: %w", err)
	}
	defer output.Close()
	proc, err := startProcess(command{name: cfg.Binary, args: cfg.Args(w), inherit: l.inherit, runAs: cfg.RunAs, output: output})
	l.handedOver()
	if err != nil {
		return nil, err
	}
	vm := newVM(cfg, proc, l, boots{})
	close(vm.drained) // the console is a file
	return vm, nil
}

// lay makes everything in the folder that QEMU inherits, and opens its image.
func (d *Detached) lay(cfg Config) (_ *links, w Wiring, output *os.File, err error) {
	l := &links{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	for _, name := range []string{qmpSocket, portSocket} {
		f, err := bind(d.Dir, name)
		if err != nil {
			return nil, w, nil, err
		}
		l.inherit = append(l.inherit, f)
	}
	console, err := appendTo(d.console())
	if err != nil {
		return nil, w, nil, err
	}
	l.inherit = append(l.inherit, console)
	cfg.RunAs = &User{} // for the image alone: QEMU is to depend on no path but its own
	if w, err = l.open(cfg); err != nil {
		return nil, w, nil, err
	}
	if f := cfg.hugeMemory(w); f != nil {
		w.Huge = l.add(f)
	}
	w.Detached = true
	output, err = appendTo(d.output())
	return l, w, output, err
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
}

// inside calls f with a path to the folder that is short enough for a socket's address, however long dir is.
func inside(dir string, f func(short string) error) error {
	d, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open state folder: %w", err)
	}
	defer d.Close()
	return f(fmt.Sprintf("/proc/self/fd/%d", d.Fd()))
}

// bind makes a socket that only its owner can connect to. One of that name that is there already goes.
func bind(dir, name string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("create socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	err = inside(dir, func(short string) error {
		path := filepath.Join(short, name)
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("bind %s: %w", filepath.Join(dir, name), err)
	}
	return f, nil
}

// redial is how long a QEMU that starts may not listen yet before it is tried again.
const redial = 2 * time.Millisecond

// dial connects to the machine's sockets, waiting until QEMU listens, or has ended.
func (vm *VM) dial(ctx context.Context) error {
	if err := vm.dialSocket(ctx, qmpSocket, &vm.links.qmp); err != nil || vm.cfg.Incoming {
		return err
	}
	return vm.dialPort(ctx)
}

// dialPort connects to the call channel. A guest that came in finds nobody there before, and so notices that its host is
// another one.
func (vm *VM) dialPort(ctx context.Context) error {
	if vm.links.port != nil {
		return nil
	}
	var port net.Conn
	if err := vm.dialSocket(ctx, portSocket, &port); err != nil {
		return err
	}
	vm.links.port = newLine(port)
	return nil
}

func (vm *VM) dialSocket(ctx context.Context, name string, into *net.Conn) error {
	for *into == nil {
		conn, err := connectTo(vm.cfg.Detached.Dir, name)
		if err == nil {
			*into = conn
			break
		}
		select {
		case <-vm.proc.ended():
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(redial):
		}
	}
	return nil
}

func connectTo(dir, name string) (conn *net.UnixConn, err error) {
	err = inside(dir, func(short string) error {
		conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: filepath.Join(short, name)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to qemu: %w", err)
	}
	return conn, nil
}

// maxWords is how large the console of a detached machine, or what QEMU wrote, may become before it starts anew,
// in bytes, and tailSize how much of it is looked at for its last lines.
const (
	maxWords = 4 << 20
	tailSize = 128 << 10
)

// trim keeps a detached machine's console and QEMU's output from filling the disk, until its end.
func (vm *VM) trim() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-vm.proc.ended():
			return
		case <-tick.C:
		}
		for _, path := range []string{vm.cfg.Detached.console(), vm.cfg.Detached.output()} {
			if info, err := os.Lstat(path); err == nil && info.Size() > maxWords {
				_ = os.Truncate(path, 0) // whoever writes appends; the next look tries again
			}
		}
	}
}

// tailOf is the last lines of a file, made safe to show; none if it cannot be read.
func tailOf(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var log console.Log
	if info, err := f.Stat(); err == nil && info.Size() > tailSize {
		_, _ = f.Seek(-tailSize, io.SeekEnd)
	}
	_, _ = io.Copy(&log, io.LimitReader(f, tailSize))
	log.Flush()
	return log.Tail()
}
