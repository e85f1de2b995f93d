package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// bareQEMU is a QEMU that no part of silo looks after, for guests that silo is compared with.
type bareQEMU struct {
	monitor *qmp.Client
	pid     int
	ended   chan struct{} // closed when QEMU has ended
	stderr  bytes.Buffer  // QEMU's own; read after ended, as end
	end     string        // how it did
}

// startQEMU starts QEMU, whose monitor is descriptor 3 and whose console is in and out, and has its guest run. Once it
// runs in is QEMU's alone.
func startQEMU(ctx context.Context, args []string, in *os.File, out io.Writer) (*bareQEMU, error) {
	conn, far, err := vmm.Socketpair()
	if err != nil {
		return nil, err
	}
	q := &bareQEMU{ended: make(chan struct{})}
	started := make(chan error, 1)
	go q.live(args, in, far, out, started)
	err = <-started
	far.Close()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	if q.monitor, err = qmp.NewClient(ctx, conn, qmp.Config{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start QEMU: %w: %s", err, &q.stderr), q.Close())
	}
	if err := q.monitor.Execute(ctx, "cont", nil, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("start guest: %w", err), q.Close())
	}
	return q, nil
}

// live is the life of QEMU, on one thread: it dies with the thread that started it.
func (q *bareQEMU) live(args []string, in, monitor *os.File, out io.Writer, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(q.ended)
	cmd := exec.Command("qemu-system-x86_64", args...)
	cmd.Stdout, cmd.Stderr = out, &q.stderr
	if in != nil {
		cmd.Stdin = in
	}
	cmd.ExtraFiles = []*os.File{monitor}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	if err == nil {
		q.pid = cmd.Process.Pid
	}
	started <- err
	if err == nil {
		_ = cmd.Wait() // read from its state
		q.end = cmd.ProcessState.String()
	}
}

// Close ends QEMU.
func (q *bareQEMU) Close() error {
	err := syscall.Kill(q.pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	<-q.ended
	if q.monitor != nil {
		q.monitor.Close()
	}
	return err
}
